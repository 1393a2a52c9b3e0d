import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TERMINAL_EVENTS } from '../../src/contracts/event.js'
import { makeJobReports } from '../../src/db/reports.js'
import { openScene, recordedSteps, type Scene, until } from './scene.js'

let scene: Scene
beforeAll(async () => {
  scene = await openScene()
})
afterAll(async () => {
  await scene?.close()
})

/** Long enough (about two seconds) to be interrupted; the checkpoints are far enough apart that a resume repeats steps. */
const LONG = { steps: 6000, checkpoints: { everySteps: 500, keep: 2 } }

async function checkpointOf(attempt: number, id: string): Promise<void> {
  await scene.untilEvent(id, (event) => event.type === 'checkpoint.saved' && event.attempt === attempt)
}

async function eventTypes(id: string): Promise<string[]> {
  return (await scene.log.events(id, 0, 10_000)).map((event) => event.type)
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('one worker', () => {
  it('runs a job to its end: result, artifacts, every step recorded, superfluous checkpoints gone', async () => {
    const worker = await scene.startWorker('one')
    const id = await scene.submit({ steps: 50, checkpoints: { everySteps: 10, keep: 2 } })
    const job = await scene.untilEnded(id)
    expect(job).toMatchObject({ status: 'succeeded', attempt: 1, failure: null, result: { steps: 50 } })
    expect(await recordedSteps(scene.log, id)).toEqual(Array.from({ length: 50 }, (_, step) => step))

    const weights = await scene.log.artifact(id, 'weights.safetensors')
    expect(weights?.sha256).toBe(job.result?.weightsSha256)
    expect((await scene.store.get(weights?.key ?? '')).byteLength).toBe(weights?.bytes)

    const kept = (await scene.log.checkpoints(id)).map((checkpoint) => checkpoint.step)
    expect(kept).toHaveLength(2)
    expect(await scene.store.size(`jobs/${id}/1/checkpoint-10.safetensors`)).toBeNull()
    await worker.close()
  })

  it('starts the trainer again after kill -9, from the last checkpoint, and leaves no trace of the break in the metrics', async () => {
    const worker = await scene.startWorker('one')
    const undisturbed = await scene.untilEnded(await scene.submit(LONG))
    const id = await scene.submit(LONG)
    await checkpointOf(1, id)
    const pid = worker.trainers().get(id)
    if (pid === undefined) throw new Error('the job has no trainer')
    process.kill(pid, 'SIGKILL')

    const job = await scene.untilEnded(id)
    expect(job).toMatchObject({ status: 'succeeded', attempt: 2 })
    const events = await scene.log.events(id, 0, 10_000)
    expect(events.filter((event) => TERMINAL_EVENTS.includes(event.type)).map((event) => event.type)).toEqual([
      'job.succeeded',
    ])
    expect(events.find((event) => event.type === 'attempt.interrupted')?.data).toMatchObject({ code: 'TRAINER_DIED' })
    const second = events.find((event) => event.type === 'attempt.started' && event.attempt === 2)
    expect(second?.data.resumedFromStep).toBeGreaterThanOrEqual(500)
    expect(await recordedSteps(scene.log, id)).toEqual(Array.from({ length: LONG.steps }, (_, step) => step))
    expect(job.result?.weightsSha256).toBe(undisturbed.result?.weightsSha256)
    await worker.close()
  })

  it('fails a job whose trainer keeps dying', async () => {
    const worker = await scene.startWorker('one')
    const id = await scene.submit({ ...LONG, limits: { maxAttempts: 2 } })
    for (const attempt of [1, 2]) {
      await scene.untilEvent(id, (event) => event.type === 'attempt.started' && event.attempt === attempt)
      const pid = await until('the trainer', async () => worker.trainers().get(id))
      process.kill(pid, 'SIGKILL')
      await until('the end of the attempt', async () => (worker.trainers().get(id) === pid ? undefined : true))
    }
    expect(await scene.untilEnded(id)).toMatchObject({
      status: 'failed',
      attempt: 2,
      failure: { code: 'TRAINER_DIED' },
    })
    await worker.close()
  })

  it('fails a job whose dataset is not in its store at the first attempt, and names no folder', async () => {
    const worker = await scene.startWorker('one')
    const id = await scene.submit(LONG)
    const { datasetId } = (await scene.get(id)).spec
    const key = `datasets/${datasetId}.safetensors`
    const bytes = await scene.store.get(key)
    await scene.store.delete(key)
    try {
      const { status, attempt, failure } = await scene.untilEnded(id)
      expect([status, attempt, failure?.code]).toEqual(['failed', 1, 'DATASET_MISSING'])
      expect(failure?.message).toMatch(/^The stored data of the dataset are not there: [^/\n]+$/)
    } finally {
      await scene.store.put(key, bytes)
      await worker.close()
    }
  })

  it('keeps of a job that fails before its first checkpoint what it did until then', async () => {
    const worker = await scene.startWorker('one')
    // From step to step −9999 times the weights.
    const id = await scene.submit({ steps: 50, optimizer: { kind: 'sgd', learningRate: 1000, l2: 10 } })
    const { status, failure, progress } = await scene.untilEnded(id)
    expect([status, failure?.code]).toEqual(['failed', 'NON_FINITE_GRADIENT'])
    const step = failure?.step ?? 0
    expect(step).toBeGreaterThan(0)
    expect(await recordedSteps(scene.log, id)).toEqual(Array.from({ length: step }, (_, index) => index))
    expect(progress?.step).toBe(step)
    expect(await makeJobReports(scene.database).get(id, 'clipping')).toMatchObject({
      steps: step,
      nonFinite: { count: 1, policy: 'fail' },
    })
    await worker.close()
  })

  it('stops a running job that is cancelled', async () => {
    const worker = await scene.startWorker('one')
    const id = await scene.submit({ ...LONG, steps: 5_000_000 })
    await checkpointOf(1, id)
    await scene.requestCancel(id)
    expect(await scene.untilEnded(id)).toMatchObject({ status: 'cancelled', result: null })
    expect((await eventTypes(id)).at(-1)).toBe('job.cancelled')
    await until('the end of the trainer', async () => (worker.trainers().size === 0 ? true : undefined))
    await worker.close()
  })

  it('fails a job that runs longer than it may', async () => {
    const worker = await scene.startWorker('one')
    const id = await scene.submit({ ...LONG, steps: 5_000_000, limits: { maxSeconds: 4 } })
    expect(await scene.untilEnded(id)).toMatchObject({ status: 'failed', failure: { code: 'TIME_LIMIT' } })
    await worker.close()
  })
})

describe('two workers', () => {
  it('hand a job over at shutdown, with its checkpoint and at the cost of no attempt', async () => {
    const first = await scene.startWorker('first')
    const id = await scene.submit({ ...LONG, limits: { maxAttempts: 1 } })
    await checkpointOf(1, id)
    await first.close()
    const interrupted = (await scene.log.events(id, 0, 10_000)).find((event) => event.type === 'attempt.interrupted')
    expect(interrupted?.data).toMatchObject({ code: 'WORKER_SHUTDOWN' })
    expect((await scene.get(id)).status).toBe('queued')

    const second = await scene.startWorker('second')
    expect(await scene.untilEnded(id)).toMatchObject({ status: 'succeeded' })
    expect(await recordedSteps(scene.log, id)).toHaveLength(LONG.steps)
    await second.close()
  })

  it('never run one job at once', async () => {
    const workers = [await scene.startWorker('left'), await scene.startWorker('right')]
    const ids: string[] = []
    for (const seed of [1, 2, 3, 4]) {
      const id = await scene.submit({ steps: 20, seed })
      // One right after the other, so that both workers ask for the job at the same time.
      await Promise.all([scene.deliver(id, `${id}-once`), scene.deliver(id, `${id}-twice`)])
      ids.push(id)
    }
    for (const id of ids) expect(await scene.untilEnded(id)).toMatchObject({ status: 'succeeded', attempt: 1 })
    const offers = await until('both deliveries of each', async () => {
      const made = scene.offers.filter(({ jobId }) => ids.includes(jobId))
      return made.length >= 2 * ids.length ? made : undefined
    })
    expect(new Set(offers.map(({ workerId }) => workerId))).toEqual(new Set(['left', 'right']))
    for (const id of ids) expect(offers.filter(({ jobId, granted }) => jobId === id && granted)).toHaveLength(1)
    for (const id of ids) {
      const started = (await eventTypes(id)).filter((type) => type === 'attempt.started')
      expect(started).toHaveLength(1)
    }
    for (const worker of workers) await worker.close()
  })
})

describe('the sweeper', () => {
  it('gives a job to another worker when its lease runs out, and the first one stops', async () => {
    // Its heartbeats are so rare that nothing but its writes can tell it that the job is not its own any more.
    const slow = await scene.startWorker('slow', 60_000)
    const id = await scene.submit(LONG)
    await checkpointOf(1, id)
    const trainer = slow.trainers().get(id)
    if (trainer === undefined) throw new Error('the job has no trainer')
    // Held until the other worker has the job: what the first trainer sends after that comes too late.
    process.kill(trainer, 'SIGSTOP')
    const quick = await scene.startWorker('quick')
    await scene.database.prisma
      .$executeRaw`update training_jobs set lease_until = now() - interval '1 minute' where id = ${id}`
    await scene.sweep()
    const second = await scene.untilEvent(id, (event) => event.type === 'attempt.started' && event.attempt === 2)
    expect(second.data.worker).toBe('quick')
    process.kill(trainer, 'SIGCONT')
    await until('the end of the first trainer', async () => (isRunning(trainer) ? undefined : true))
    await until('the end of the first attempt', async () => (slow.trainers().size === 0 ? true : undefined))

    expect(await scene.untilEnded(id)).toMatchObject({ status: 'succeeded', attempt: 2 })
    expect(await recordedSteps(scene.log, id)).toEqual(Array.from({ length: LONG.steps }, (_, step) => step))
    await slow.close()
    await quick.close()
  })
})
