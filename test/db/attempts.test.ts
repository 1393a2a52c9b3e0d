import { beforeEach, describe, expect, it } from 'vitest'
import { TERMINAL_EVENTS } from '../../src/contracts/event.js'
import { type Claim, makeAttempts, StaleAttemptError } from '../../src/db/attempts.js'
import { makeJobLog } from '../../src/db/job-log.js'
import { makeOutbox } from '../../src/db/outbox.js'
import { makeSweeps } from '../../src/db/sweeps.js'
import { makeTrainingJobs } from '../../src/db/training-jobs.js'
import { useDatabase } from '../support/database.js'
import { CRASH, jobSpec, RESULT, SHUTDOWN } from '../support/jobs.js'

const LEASE = 60_000
const PROGRESS = {
  step: 5,
  steps: 10,
  epoch: 0,
  loss: 1,
  accuracy: null,
  gradientNorm: 1,
  clippedStepShare: 0,
  sparsity: 0,
  stepsPerSecond: 2,
  etaSeconds: null,
}

const scene = useDatabase()
beforeEach(() => scene().db.prisma.trainingJob.deleteMany())

const jobs = () => makeTrainingJobs(scene().db)
const attempts = () => makeAttempts(scene().db)
const create = async (changes: Record<string, unknown> = {}) =>
  (await jobs().create(scene().projectId, jobSpec(scene().datasetId, changes))).job.id
const job = async (id: string) => {
  const found = await jobs().get(scene().projectId, id)
  if (!found) throw new Error('the job is missing')
  return found
}
const eventTypes = async (id: string) => (await makeJobLog(scene().db).events(id, 0, 1_000)).map((event) => event.type)
const claimed = async (id: string): Promise<Claim> => {
  const claim = await attempts().claim(id, 'w', LEASE)
  if (!claim) throw new Error('the claim was lost')
  return claim
}
const checkpointAt = (step: number, name = `${step}`) => ({
  step,
  key: `checkpoints/${name}`,
  bytes: 10,
  sha256: 'ef'.repeat(32),
})

describe('claim', () => {
  it('lets exactly one of many workers win, however often they try', async () => {
    for (let round = 0; round < 10; round++) {
      const id = await create()
      const workers = Array.from({ length: 8 }, (_, index) => attempts().claim(id, `w${index}`, LEASE))
      const won = (await Promise.all(workers)).filter((claim) => claim !== null)
      expect(won).toHaveLength(1)
      expect(won[0]).toMatchObject({ jobId: id, attempt: 1, projectId: scene().projectId, resumeFrom: null })
      expect(await eventTypes(id)).toEqual(['job.created', 'attempt.started'])
    }
  })

  it('gives the dataset and the spec as stored, and takes the job out of the outbox', async () => {
    const id = await create({ seed: 7 })
    const claim = await claimed(id)
    expect(claim.spec).toEqual(jobSpec(scene().datasetId, { seed: 7 }))
    expect(claim.dataset).toMatchObject({
      key: `datasets/${scene().datasetId}.safetensors`,
      schema: { trainRows: 120 },
    })
    expect(await makeOutbox(scene().db).pending(10)).toEqual([])
    expect(await job(id)).toMatchObject({ status: 'running', attempt: 1, startedAt: expect.any(String) })
  })

  it('refuses jobs that are cancelled, ended or unknown', async () => {
    const cancelled = await create()
    await jobs().requestCancel(scene().projectId, cancelled)
    const ended = await create()
    await attempts().succeed(await claimed(ended), RESULT)
    for (const id of [cancelled, ended, 'job_none']) expect(await attempts().claim(id, 'w', LEASE)).toBeNull()
  })

  it('against a cancellation ends in one of the two outcomes, never in both', async () => {
    for (let round = 0; round < 10; round++) {
      const id = await create()
      const [claim] = await Promise.all([attempts().claim(id, 'w', LEASE), jobs().requestCancel(scene().projectId, id)])
      const { status, cancelRequested } = await job(id)
      expect({ status, cancelRequested }).toEqual({ status: claim ? 'running' : 'cancelled', cancelRequested: true })
    }
  })
})

describe('fencing', () => {
  it('refuses every write of an attempt that is over', async () => {
    const id = await create()
    const stale = await claimed(id)
    await attempts().requeue(stale, CRASH)
    const current = await claimed(id)
    expect(current.attempt).toBe(2)
    const writes = [
      attempts().saveProgress(stale, PROGRESS),
      attempts().addMetrics(stale, [{ name: 'loss', steps: [0], values: [1] }]),
      attempts().addEvent(stale, 'training.started', {}),
      attempts().addCheckpoint(stale, checkpointAt(5), 3),
      attempts().addArtifact(stale, { name: 'a', mediaType: 'x/y', key: 'k', bytes: 1, sha256: 's' }),
      attempts().succeed(stale, RESULT),
      attempts().fail(stale, { code: 'TIME_LIMIT', message: '', step: null }),
      attempts().cancel(stale),
      attempts().requeue(stale, CRASH),
    ]
    for (const outcome of await Promise.allSettled(writes))
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(StaleAttemptError) })
    expect(await attempts().heartbeat(stale, LEASE)).toBeNull()
    const log = makeJobLog(scene().db)
    expect(await log.metrics(id)).toEqual([])
    expect(await log.checkpoints(id)).toEqual([])
    expect(await log.artifacts(id)).toEqual([])
    expect(await eventTypes(id)).toEqual(['job.created', 'attempt.started', 'attempt.interrupted', 'attempt.started'])
    expect(await job(id)).toMatchObject({ status: 'running', progress: null, result: null })
  })

  it('lets one of several ends win, with one terminal event', async () => {
    for (let round = 0; round < 5; round++) {
      const id = await create({ limits: { maxAttempts: 1 } })
      const ref = await claimed(id)
      const ends = await Promise.allSettled([
        attempts().succeed(ref, RESULT),
        attempts().fail(ref, { code: 'TIME_LIMIT', message: '', step: 3 }),
        attempts().cancel(ref),
        attempts().requeue(ref, CRASH),
      ])
      expect(ends.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1)
      const terminal = (await eventTypes(id)).filter((type) => TERMINAL_EVENTS.includes(type))
      expect(terminal).toEqual([`job.${(await job(id)).status}`])
    }
  })
})

describe('events', () => {
  it('are numbered from 1 without gaps, also when written at once', async () => {
    const id = await create()
    const ref = await claimed(id)
    await Promise.all(Array.from({ length: 20 }, (_, step) => attempts().addEvent(ref, 'pruning.updated', { step })))
    const events = await makeJobLog(scene().db).events(id, 0, 100)
    expect(events.map((event) => event.sequence)).toEqual(Array.from({ length: 22 }, (_, index) => index + 1))
    const rest = await makeJobLog(scene().db).events(id, 20, 1)
    expect(rest.map((event) => event.sequence)).toEqual([21])
  })
})

describe('metrics', () => {
  it('leaves out what is not finite, and stores a chunk that is sent twice once', async () => {
    const id = await create()
    const ref = await claimed(id)
    const series = [
      { name: 'loss', steps: [0, 1, 2], values: [3, Number.NaN, 1] },
      { name: 'norm', steps: [0], values: [Number.POSITIVE_INFINITY] },
    ]
    await attempts().addMetrics(ref, series)
    await attempts().addMetrics(ref, series)
    expect(await makeJobLog(scene().db).metrics(id)).toEqual([{ name: 'loss', steps: [0, 2], values: [3, 1] }])
  })

  it('joins chunks and selects by name and step', async () => {
    const id = await create()
    const ref = await claimed(id)
    await attempts().addMetrics(ref, [{ name: 'loss', steps: [3, 4, 5], values: [0.3, 0.4, 0.5] }])
    await attempts().addMetrics(ref, [
      { name: 'loss', steps: [0, 1, 2], values: [0, 0.1, 0.2] },
      { name: 'accuracy', steps: [2], values: [1] },
    ])
    const log = makeJobLog(scene().db)
    expect(await log.metrics(id, { names: ['loss'], fromStep: 1, toStep: 5 })).toEqual([
      { name: 'loss', steps: [1, 2, 3, 4], values: [0.1, 0.2, 0.3, 0.4] },
    ])
    expect((await log.metrics(id)).map((series) => series.name)).toEqual(['accuracy', 'loss'])
  })

  it('drops on resume what came after the checkpoint, so that nothing is there twice', async () => {
    const id = await create()
    const first = await claimed(id)
    await attempts().addMetrics(first, [{ name: 'loss', steps: [0, 1], values: [5, 4] }])
    await attempts().addCheckpoint(first, checkpointAt(2), 3)
    await attempts().addMetrics(first, [{ name: 'loss', steps: [2, 3], values: [9, 9] }])
    await attempts().requeue(first, CRASH)
    const second = await claimed(id)
    expect(second.resumeFrom).toEqual({ key: 'checkpoints/2', step: 2, sha256: 'ef'.repeat(32) })
    await attempts().addMetrics(second, [{ name: 'loss', steps: [2], values: [3] }])
    expect(await makeJobLog(scene().db).metrics(id)).toEqual([{ name: 'loss', steps: [0, 1, 2], values: [5, 4, 3] }])
  })
})

describe('checkpoints and artifacts', () => {
  it('keeps the newest checkpoints and names the objects that are superfluous', async () => {
    const id = await create()
    const ref = await claimed(id)
    expect(await attempts().addCheckpoint(ref, checkpointAt(100), 2)).toEqual([])
    expect(await attempts().addCheckpoint(ref, checkpointAt(200), 2)).toEqual([])
    expect(await attempts().addCheckpoint(ref, checkpointAt(300), 2)).toEqual(['checkpoints/100'])
    expect(await attempts().addCheckpoint(ref, checkpointAt(300, '300-again'), 2)).toEqual(['checkpoints/300'])
    expect((await makeJobLog(scene().db).checkpoints(id)).map(({ step }) => step)).toEqual([300, 200])
    expect((await eventTypes(id)).filter((type) => type === 'checkpoint.saved')).toHaveLength(4)
  })

  it('replaces an artifact of the same name', async () => {
    const id = await create()
    const ref = await claimed(id)
    const artifact = { name: 'weights.safetensors', mediaType: 'application/octet-stream', sha256: 'aa', key: 'k1' }
    expect(await attempts().addArtifact(ref, { ...artifact, bytes: 5_000_000_000 })).toEqual([])
    expect(await attempts().addArtifact(ref, { ...artifact, bytes: 2, key: 'k2' })).toEqual(['k1'])
    expect(await attempts().addArtifact(ref, { ...artifact, bytes: 2, key: 'k2' })).toEqual([])
    const log = makeJobLog(scene().db)
    expect(await log.artifacts(id)).toEqual([
      { name: artifact.name, mediaType: artifact.mediaType, bytes: 2, sha256: 'aa', createdAt: expect.any(String) },
    ])
    expect(await log.artifact(id, artifact.name)).toMatchObject({ key: 'k2' })
    expect(await log.artifact(id, 'other')).toBeNull()
  })
})

describe('requeue', () => {
  it('fails a job whose attempts are spent; a shutdown costs none', async () => {
    const id = await create({ limits: { maxAttempts: 2 } })
    expect(await attempts().requeue(await claimed(id), SHUTDOWN)).toBe('queued')
    expect(await attempts().requeue(await claimed(id), SHUTDOWN)).toBe('queued')
    expect(await attempts().requeue(await claimed(id), CRASH)).toBe('queued')
    expect(await attempts().requeue(await claimed(id), CRASH)).toBe('failed')
    const failed = await job(id)
    expect(failed).toMatchObject({ status: 'failed', attempt: 4, failure: { code: 'TRAINER_DIED', step: null } })
    expect(failed.endedAt).not.toBeNull()
    expect((await eventTypes(id)).at(-1)).toBe('job.failed')
    expect(await makeOutbox(scene().db).pending(10)).toEqual([])
  })

  it('cancels instead when that was asked for', async () => {
    const id = await create()
    const ref = await claimed(id)
    await jobs().requestCancel(scene().projectId, id)
    expect(await attempts().heartbeat(ref, LEASE)).toEqual({ cancelRequested: true })
    expect(await attempts().requeue(ref, CRASH)).toBe('cancelled')
    expect((await eventTypes(id)).slice(-3)).toEqual(['job.cancel-requested', 'attempt.interrupted', 'job.cancelled'])
  })

  it('gives each delivery an id of its own', async () => {
    const id = await create({ priority: 9 })
    const outbox = makeOutbox(scene().db)
    expect(await outbox.pending(10)).toEqual([{ deliveryId: `${id}-1-1`, jobId: id, priority: 9 }])
    await attempts().requeue(await claimed(id), SHUTDOWN)
    expect(await outbox.pending(10)).toEqual([{ deliveryId: `${id}-2-1`, jobId: id, priority: 9 }])
  })
})

describe('sweeps', () => {
  it('finds leases that have run out, and leaves one alone that was renewed meanwhile', async () => {
    const id = await create()
    const ref = await attempts().claim(id, 'w', -1_000)
    if (!ref) throw new Error('the claim was lost')
    const sweeps = makeSweeps(scene().db)
    expect(await sweeps.expiredLeases()).toEqual([{ jobId: id, attempt: 1 }])
    await attempts().heartbeat(ref, LEASE)
    await expect(attempts().requeue(ref, { ...CRASH, onlyIfLeaseExpired: true })).rejects.toThrow(StaleAttemptError)
    expect(await sweeps.expiredLeases()).toEqual([])
    await attempts().heartbeat(ref, -1_000)
    expect(await attempts().requeue(ref, { ...CRASH, onlyIfLeaseExpired: true })).toBe('queued')
  })

  it('delivers again what was sent long ago and is still queued, each time after a longer wait', async () => {
    const id = await create()
    const outbox = makeOutbox(scene().db)
    const sweeps = makeSweeps(scene().db)
    expect(await sweeps.redeliver(0)).toBe(0) // not sent yet
    await outbox.markSent([`${id}-1-1`])
    expect(await outbox.pending(10)).toEqual([])
    const sentAgo = (ms: number) => scene().db.prisma.outbox.updateMany({ data: { sentAt: new Date(Date.now() - ms) } })
    await sentAgo(900)
    expect(await sweeps.redeliver(1_000)).toBe(0)
    await sentAgo(1_500)
    expect(await sweeps.redeliver(1_000)).toBe(1)
    expect((await outbox.pending(10)).map((delivery) => delivery.deliveryId)).toEqual([`${id}-1-2`])
    await outbox.markSent([`${id}-1-1`]) // late: the delivery was replaced
    expect(await outbox.pending(10)).toHaveLength(1)
    await outbox.markSent([`${id}-1-2`])
    await sentAgo(1_500)
    expect(await sweeps.redeliver(1_000)).toBe(0) // twice 1,000 ms by now
  })
})
