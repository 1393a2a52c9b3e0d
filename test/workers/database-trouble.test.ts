import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { openScene, recordedSteps, type Scene } from './scene.js'

let scene: Scene
beforeAll(async () => {
  scene = await openScene()
})
afterEach(() => vi.restoreAllMocks())
afterAll(async () => {
  await scene?.close()
})

const AWAY = new Error('connect ECONNREFUSED 127.0.0.1:5432')
const JOB = { steps: 300, checkpoints: { everySteps: 100, keep: 3 }, limits: { maxAttempts: 1 } }
const LONG = { steps: 6000, checkpoints: { everySteps: 500, keep: 3 }, limits: { maxAttempts: 1 } }

async function interruptions(id: string) {
  return (await scene.log.events(id, 0, 10_000)).filter((event) => event.type === 'attempt.interrupted')
}
const allSteps = (steps: number) => Array.from({ length: steps }, (_, step) => step)

it('waits for a database that is away for a moment, whatever is to be stored, and forgets nothing', async () => {
  const { attempts } = scene
  for (const name of ['addEvent', 'addMetrics', 'addCheckpoint', 'addArtifact', 'succeed'] as const)
    vi.spyOn(attempts, name).mockRejectedValueOnce(AWAY).mockRejectedValueOnce(AWAY)
  const worker = await scene.startWorker('patient')
  const id = await scene.submit(JOB)
  expect(await scene.untilEnded(id)).toMatchObject({ status: 'succeeded', attempt: 1 })
  expect(await interruptions(id)).toEqual([])
  expect(await recordedSteps(scene.log, id)).toEqual(allSteps(JOB.steps))
  await worker.close()
})

it('stores once what was committed although the answer was lost', async () => {
  const { attempts } = scene
  const { addEvent, addCheckpoint, succeed } = { ...attempts }
  const answerLost = () => Promise.reject(AWAY)
  vi.spyOn(attempts, 'addEvent').mockImplementationOnce((...write) => addEvent(...write).then(answerLost))
  vi.spyOn(attempts, 'addCheckpoint').mockImplementationOnce((...write) => addCheckpoint(...write).then(answerLost))
  vi.spyOn(attempts, 'succeed').mockImplementationOnce((...write) => succeed(...write).then(answerLost))
  const worker = await scene.startWorker('patient')
  const id = await scene.submit(JOB)
  expect(await scene.untilEnded(id)).toMatchObject({ status: 'succeeded', attempt: 1 })
  await worker.close()
  const types = (await scene.log.events(id, 0, 10_000)).map((event) => event.type)
  expect(types.filter((type) => type === 'training.started')).toHaveLength(1)
  expect(types.filter((type) => type === 'checkpoint.saved')).toHaveLength(3)
  expect(types.filter((type) => type === 'job.succeeded')).toHaveLength(1)
})

it('gives a job back at no cost when its writes fail for long', async () => {
  const broken = vi.spyOn(scene.attempts, 'addMetrics').mockRejectedValue(AWAY)
  const worker = await scene.startWorker('patient')
  const id = await scene.submit(JOB)
  const interrupted = await scene.untilEvent(id, (event) => event.type === 'attempt.interrupted')
  // Where the database stands is for the log.
  expect(interrupted.data).toEqual({ code: 'STORAGE_UNAVAILABLE', reason: 'the database was out of reach' })
  broken.mockRestore()
  expect(await scene.untilEnded(id)).toMatchObject({ status: 'succeeded', attempt: 2 })
  expect(await recordedSteps(scene.log, id)).toEqual(allSteps(JOB.steps))
  await worker.close()
})

it('gives a job back at no cost when the database has not answered until its lease ran out', async () => {
  const hanging = vi.spyOn(scene.attempts, 'heartbeat').mockImplementation(() => new Promise(() => undefined))
  const worker = await scene.startWorker('patient')
  const id = await scene.submit({ ...LONG, steps: 5_000_000, limits: { maxAttempts: 1, maxSeconds: 20 } })
  const interrupted = await scene.untilEvent(id, (event) => event.type === 'attempt.interrupted')
  expect(interrupted.data).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  hanging.mockRestore()
  await scene.untilEvent(id, (event) => event.type === 'attempt.started' && event.attempt === 2)
  await scene.requestCancel(id)
  await scene.untilEnded(id)
  await worker.close()
})

it('closes although nothing can be stored any more', async () => {
  const never = () => new Promise<never>(() => undefined)
  const worker = await scene.startWorker('patient')
  const id = await scene.submit({ ...LONG, steps: 5_000_000 })
  await scene.untilEvent(id, (event) => event.type === 'checkpoint.saved')
  for (const name of ['heartbeat', 'saveProgress', 'addMetrics', 'addCheckpoint', 'requeue'] as const)
    vi.spyOn(scene.attempts, name).mockImplementation(never)
  const began = performance.now()
  await worker.close()
  expect(performance.now() - began).toBeLessThan(12_000)
  vi.restoreAllMocks()
  await scene.requestCancel(id)
})

it('goes on from an older checkpoint, or from the beginning, when the newest is broken or gone', async () => {
  const undisturbed = await scene.startWorker('first')
  const expected = await scene.untilEnded(await scene.submit(LONG))
  await undisturbed.close()
  for (const keptWhole of [1, 0]) {
    const first = await scene.startWorker('first')
    const id = await scene.submit(LONG)
    await scene.untilEvent(id, (event) => event.type === 'checkpoint.saved' && Number(event.data.step) >= 500)
    await first.close()
    const rows = await scene.database.prisma.checkpoint.findMany({ where: { jobId: id }, orderBy: { step: 'desc' } })
    expect(rows.length).toBeGreaterThan(1)
    const broken = rows.slice(0, rows.length - keptWhole)
    for (const [index, { objectKey }] of broken.entries()) {
      const bytes = await scene.store.get(objectKey)
      await scene.store.delete(objectKey)
      // The oldest of them is gone; the others have one bit turned.
      if (index === broken.length - 1) continue
      const changed = Uint8Array.from(bytes)
      changed.set([(changed.at(-1) ?? 0) ^ 1], changed.length - 1)
      await scene.store.put(objectKey, changed)
    }
    const second = await scene.startWorker('second')
    const job = await scene.untilEnded(id)
    expect(job).toMatchObject({ status: 'succeeded' })
    expect(job.result?.weightsSha256).toBe(expected.result?.weightsSha256)
    const unusable = (await interruptions(id)).filter((event) => event.data.code === 'CHECKPOINT_INVALID')
    expect(unusable.map((event) => event.data.droppedCheckpoint)).toEqual(broken.map((row) => row.step))
    for (const { data } of unusable)
      expect(data.reason).toMatch(/^the stored checkpoint is not (there|what was stored: its SHA-256 is another one)$/)
    expect(unusable.at(-1)?.data.resumesFromStep).toBe(keptWhole === 1 ? rows.at(-1)?.step : 0)
    expect(await recordedSteps(scene.log, id)).toEqual(allSteps(LONG.steps))
    for (const { objectKey } of broken) expect(await scene.store.size(objectKey)).toBeNull()
    await second.close()
  }
})
