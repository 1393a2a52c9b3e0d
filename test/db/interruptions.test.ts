import { beforeEach, describe, expect, it } from 'vitest'
import { type AttemptRef, type Claim, makeAttempts, StaleAttemptError } from '../../src/db/attempts.js'
import { makeDatabase } from '../../src/db/database.js'
import { makeJobLog } from '../../src/db/job-log.js'
import { makeOutbox } from '../../src/db/outbox.js'
import { makeTrainingJobs } from '../../src/db/training-jobs.js'
import { isDatabaseTrouble } from '../../src/db/trouble.js'
import { useDatabase } from '../support/database.js'
import { CRASH, jobSpec, SHUTDOWN } from '../support/jobs.js'

const LEASE = 60_000

const scene = useDatabase()
beforeEach(() => scene().db.prisma.trainingJob.deleteMany())

const attempts = () => makeAttempts(scene().db)
const create = async (changes: Record<string, unknown> = {}) =>
  (await makeTrainingJobs(scene().db).create(scene().projectId, jobSpec(scene().datasetId, changes))).job.id
const claimed = async (id: string): Promise<Claim> => {
  const claim = await attempts().claim(id, 'w', LEASE)
  if (!claim) throw new Error('the claim was lost')
  return claim
}
const checkpointAt = (step: number) => ({ step, key: `checkpoints/${step}`, bytes: 10, sha256: 'ef'.repeat(32) })

describe('between attempts', () => {
  it('waits longer with each crash, and not at all after a shutdown', async () => {
    const id = await create({ limits: { maxAttempts: 20 } })
    const waits: number[] = []
    for (const interruption of [CRASH, CRASH, SHUTDOWN, CRASH, CRASH, CRASH]) {
      await attempts().requeue(await claimed(id), interruption)
      const [row] = await scene().db.prisma.$queryRaw<{ ms: number }[]>`
        select round(extract(epoch from not_before - created_at) * 1000)::float8 as ms from outbox where job_id = ${id}`
      // To the second: a busy machine takes a while between the two times.
      waits.push(Math.abs(Math.round((row?.ms ?? Number.NaN) / 1000) * 1000)) // no -0
    }
    expect(waits).toEqual([1_000, 4_000, 0, 16_000, 60_000, 60_000])
    expect(await makeOutbox(scene().db).pending(10)).toEqual([])
    await scene().db.prisma.$executeRaw`update outbox set not_before = now()`
    expect(await makeOutbox(scene().db).pending(10)).toHaveLength(1)
  })

  it('counts the time that attempts ran, to the end of the lease at most, and not the waiting', async () => {
    const id = await create()
    const began = (ms: number, leaseMs: number) => scene().db.prisma.$executeRaw`
      update training_jobs set attempt_started_at = now() - ${ms}::float8 * interval '1 millisecond',
        started_at = now() - interval '1 day', lease_until = now() + ${leaseMs}::float8 * interval '1 millisecond'
      where id = ${id}`
    const first = await claimed(id)
    expect(first.ranMs).toBe(0)
    await began(5_000, LEASE)
    await attempts().requeue(first, SHUTDOWN)
    const second = await claimed(id)
    expect(second.ranMs).toBeGreaterThanOrEqual(5_000)
    expect(second.ranMs).toBeLessThan(6_000)
    await began(50_000, -40_000)
    await attempts().requeue(second, { ...CRASH, onlyIfLeaseExpired: true })
    const { ranMs } = await claimed(id)
    expect(ranMs - second.ranMs).toBeGreaterThanOrEqual(9_999)
    expect(ranMs - second.ranMs).toBeLessThan(10_500)
  })

  it('drops the artifacts of the attempt before, and names their objects', async () => {
    const id = await create()
    const ref = await claimed(id)
    expect(ref.superfluous).toEqual([])
    await attempts().addArtifact(ref, { name: 'a', mediaType: 'x/y', key: 'k', bytes: 1, sha256: 's' })
    await attempts().requeue(ref, SHUTDOWN)
    expect((await claimed(id)).superfluous).toEqual(['k'])
    expect(await makeJobLog(scene().db).artifacts(id)).toEqual([])
  })

  it('drops a checkpoint that cannot be used, and says where the job goes on', async () => {
    const id = await create()
    const ref = await claimed(id)
    for (const step of [100, 200]) await attempts().addCheckpoint(ref, checkpointAt(step), 3)
    const unusable = { reason: 'broken', code: 'CHECKPOINT_INVALID', countsAsAttempt: false }
    await attempts().requeue(ref, { ...unusable, dropCheckpoint: 200 })
    const second = await claimed(id)
    expect(second.resumeFrom?.step).toBe(100)
    await attempts().requeue(second, { ...unusable, dropCheckpoint: 100 })
    expect((await claimed(id)).resumeFrom).toBeNull()
    const events = await makeJobLog(scene().db).events(id, 0, 100)
    expect(events.filter((event) => event.type === 'attempt.interrupted').map((event) => event.data)).toEqual([
      { reason: 'broken', code: 'CHECKPOINT_INVALID', droppedCheckpoint: 200, resumesFromStep: 100 },
      { reason: 'broken', code: 'CHECKPOINT_INVALID', droppedCheckpoint: 100, resumesFromStep: 0 },
    ])
  })
})

describe('a write whose answer was lost', () => {
  it('changes nothing when it comes again', async () => {
    const id = await create()
    const ref = await claimed(id)
    for (let time = 0; time < 2; time++) {
      await attempts().addEvent(ref, 'pruning.updated', { step: 1, sparsity: 0.5 })
      await attempts().addCheckpoint(ref, checkpointAt(100), 3)
    }
    await attempts().addEvent(ref, 'pruning.updated', { step: 2, sparsity: 0.5 })
    const events = await makeJobLog(scene().db).events(id, 0, 100)
    expect(events.map((event) => event.type).slice(2)).toEqual([
      'pruning.updated',
      'checkpoint.saved',
      'pruning.updated',
    ])
    expect(events.map((event) => event.sequence)).toEqual([1, 2, 3, 4, 5])
  })
})

describe('a step that is done again after an interruption', () => {
  it('is told of once, unless it went differently; what belongs to the attempt is told again', async () => {
    const id = await create()
    const tell = async (ref: AttemptRef, sparsity: number) => {
      await attempts().addEvent(ref, 'training.started', { steps: 10 })
      await attempts().addEvent(ref, 'pruning.updated', { step: 1, sparsity })
      await attempts().addEvent(ref, 'training.non-finite', { step: 2, occurrences: 1 })
    }
    for (const sparsity of [0.5, 0.5, 0.25]) {
      const ref = await claimed(id)
      await tell(ref, sparsity)
      await attempts().requeue(ref, SHUTDOWN)
    }
    const events = await makeJobLog(scene().db).events(id, 0, 100)
    const told = events.map(({ attempt, type }) => [attempt, type])
    expect(told.filter(([, type]) => !/^(job|attempt)/.test(String(type)))).toEqual([
      [1, 'training.started'],
      [1, 'pruning.updated'],
      [1, 'training.non-finite'],
      [2, 'training.started'],
      [3, 'training.started'],
      [3, 'pruning.updated'],
    ])
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1))
  })
})

describe('trouble', () => {
  it('is a database that does not answer, not one that refuses', async () => {
    const ref = await claimed(await create())
    // PostgreSQL stores no NUL in text: this write fails however often it comes.
    const refused = await attempts()
      .addEvent(ref, 'pruning.updated', { text: '\0' })
      .catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(Error)
    expect(isDatabaseTrouble(refused)).toBe(false)
    const away = makeDatabase('postgresql://nobody@127.0.0.1:9/none')
    for (const write of [
      () => makeAttempts(away).addEvent(ref, 'pruning.updated', {}),
      () => makeAttempts(away).addMetrics(ref, [{ name: 'loss', steps: [0], values: [1] }]),
      () => makeAttempts(away).heartbeat(ref, LEASE),
    ]) {
      const error = await write().catch((error: unknown) => error)
      expect(error).toBeInstanceOf(Error)
      expect(isDatabaseTrouble(error)).toBe(true)
    }
    await away.close()
    expect(isDatabaseTrouble(new StaleAttemptError(ref))).toBe(false)
  })
})
