import { beforeEach, describe, expect, it } from 'vitest'
import { makeApiKeys } from '../../src/db/api-keys.js'
import { makeAttempts } from '../../src/db/attempts.js'
import { makeDatasets } from '../../src/db/datasets.js'
import { makeJobLog } from '../../src/db/job-log.js'
import { makeOutbox } from '../../src/db/outbox.js'
import { makeSweeps } from '../../src/db/sweeps.js'
import { makeTrainingJobs } from '../../src/db/training-jobs.js'
import { useDatabase } from '../support/database.js'
import { jobSpec, newDataset, RESULT } from '../support/jobs.js'

const scene = useDatabase()
beforeEach(async () => {
  await scene().db.prisma.trainingJob.deleteMany()
  await scene().db.prisma.idempotencyRecord.deleteMany()
})

const jobs = () => makeTrainingJobs(scene().db)
const create = async (changes: Record<string, unknown> = {}) =>
  (await jobs().create(scene().projectId, jobSpec(scene().datasetId, changes))).job

describe('create', () => {
  it('writes job, event and outbox row together', async () => {
    const job = await create({ name: 'first' })
    expect(job).toMatchObject({ status: 'queued', attempt: 0, cancelRequested: false, progress: null, endedAt: null })
    expect(await jobs().get(scene().projectId, job.id)).toEqual(job)
    expect(await makeJobLog(scene().db).events(job.id, 0, 10)).toMatchObject([
      { sequence: 1, type: 'job.created', attempt: 0 },
    ])
    expect(await makeOutbox(scene().db).pending(10)).toHaveLength(1)
  })

  it('refuses a dataset of another project, with a pointer, and writes nothing', async () => {
    const other = await scene().db.prisma.project.create({ data: { id: 'prj_other', name: 'other' } })
    const attempt = jobs().create(other.id, jobSpec(scene().datasetId))
    await expect(attempt).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND', errors: [{ pointer: '/datasetId' }] })
    expect(await scene().db.prisma.trainingJob.count()).toBe(0)
    expect(await scene().db.prisma.outbox.count()).toBe(0)
  })
})

describe('idempotency', () => {
  const KEY = { key: 'k', fingerprint: 'f' }
  it('replays the stored answer, even when the job has moved on', async () => {
    const first = await jobs().create(scene().projectId, jobSpec(scene().datasetId), KEY)
    await jobs().requestCancel(scene().projectId, first.job.id)
    const second = await jobs().create(scene().projectId, jobSpec(scene().datasetId), KEY)
    expect(first.replayed).toBe(false)
    expect(second).toEqual({ job: first.job, replayed: true })
  })

  it('refuses the key with another request', async () => {
    await jobs().create(scene().projectId, jobSpec(scene().datasetId), KEY)
    const other = jobs().create(scene().projectId, jobSpec(scene().datasetId, { seed: 1 }), {
      ...KEY,
      fingerprint: 'g',
    })
    await expect(other).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' })
    expect(await scene().db.prisma.trainingJob.count()).toBe(1)
  })

  it('makes one job of many requests at once', async () => {
    const requests = Array.from({ length: 8 }, () => jobs().create(scene().projectId, jobSpec(scene().datasetId), KEY))
    const answers = await Promise.all(requests)
    expect(new Set(answers.map(({ job }) => job.id)).size).toBe(1)
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1)
    expect(await scene().db.prisma.trainingJob.count()).toBe(1)
    expect(await scene().db.prisma.outbox.count()).toBe(1)
  })

  it('keeps the keys of projects apart, and forgets old ones', async () => {
    await jobs().create(scene().projectId, jobSpec(scene().datasetId), KEY)
    const other = await scene().db.prisma.project.create({ data: { id: 'prj_third', name: 'third' } })
    const theirs = await makeDatasets(scene().db).create(other.id, newDataset(), KEY)
    expect(theirs.replayed).toBe(false)
    const sweeps = makeSweeps(scene().db)
    expect(await sweeps.expireIdempotencyKeys(60_000)).toBe(0)
    await scene().db.prisma.idempotencyRecord.updateMany({ data: { createdAt: new Date(Date.now() - 120_000) } })
    expect(await sweeps.expireIdempotencyKeys(60_000)).toBe(2)
  })
})

describe('requestCancel', () => {
  const types = async (id: string) => (await makeJobLog(scene().db).events(id, 0, 10)).map((event) => event.type)

  it('ends a queued job at once, out of the outbox', async () => {
    const { id } = await create()
    const cancelled = await jobs().requestCancel(scene().projectId, id)
    expect(cancelled).toMatchObject({ status: 'cancelled', endedAt: expect.any(String) })
    expect(await types(id)).toEqual(['job.created', 'job.cancelled'])
    expect(await makeOutbox(scene().db).pending(10)).toEqual([])
  })

  it('notes it on a running job, once', async () => {
    const { id } = await create()
    await makeAttempts(scene().db).claim(id, 'w', 60_000)
    await jobs().requestCancel(scene().projectId, id)
    const again = await jobs().requestCancel(scene().projectId, id)
    expect(again).toMatchObject({ status: 'running', cancelRequested: true, endedAt: null })
    expect((await types(id)).filter((type) => type === 'job.cancel-requested')).toHaveLength(1)
  })

  it('answers the same for a cancelled job, refuses an ended one, and does not find a foreign one', async () => {
    const { id } = await create()
    const first = await jobs().requestCancel(scene().projectId, id)
    expect(await jobs().requestCancel(scene().projectId, id)).toEqual(first)
    const ended = await create()
    const ref = await makeAttempts(scene().db).claim(ended.id, 'w', 60_000)
    if (!ref) throw new Error('the claim was lost')
    await makeAttempts(scene().db).succeed(ref, RESULT)
    await expect(jobs().requestCancel(scene().projectId, ended.id)).rejects.toMatchObject({
      code: 'JOB_STATE_CONFLICT',
    })
    expect(await jobs().get(scene().projectId, ended.id)).toMatchObject({ status: 'succeeded', result: RESULT })
    expect(await jobs().requestCancel('prj_none', ended.id)).toBeNull()
  })
})

describe('list', () => {
  it('pages through all jobs, the newest first, each once', async () => {
    const created = []
    for (let index = 0; index < 5; index++) created.push((await create({ name: `n${index}` })).id)
    const seen: string[] = []
    let cursor: string | undefined
    for (let page = 0; page < 3; page++) {
      const listing = await jobs().list(scene().projectId, { limit: 2, cursor })
      seen.push(...listing.data.map((job) => job.id))
      expect(listing.hasMore).toBe(page < 2)
      expect(listing.nextCursor === null).toBe(page === 2)
      cursor = listing.nextCursor ?? undefined
    }
    expect(seen).toEqual(created.reverse())
  })

  it('filters by status, name and time', async () => {
    const a = await create({ name: 'a' })
    const b = await create({ name: 'b' })
    await jobs().requestCancel(scene().projectId, b.id)
    const find = async (filter: object) =>
      (await jobs().list(scene().projectId, { limit: 10, ...filter })).data.map((job) => job.id)
    expect(await find({ status: 'queued' })).toEqual([a.id])
    expect(await find({ name: 'b' })).toEqual([b.id])
    expect(await find({ createdAfter: new Date(Date.now() + 60_000) })).toEqual([])
    expect(await jobs().list('prj_none', { limit: 10 })).toEqual({ data: [], nextCursor: null, hasMore: false })
  })

  it.each(['x', 'am9iXw', Buffer.from(`ds_${'0'.repeat(36)}`).toString('base64url'), ''])(
    'refuses the cursor %j',
    async (cursor) => {
      await expect(jobs().list(scene().projectId, { limit: 2, cursor })).rejects.toMatchObject({
        code: 'CURSOR_INVALID',
      })
    },
  )
})

describe('datasets', () => {
  it('are deleted only when no unfinished job uses them', async () => {
    const datasets = makeDatasets(scene().db)
    const { dataset } = await datasets.create(scene().projectId, newDataset())
    expect(dataset.bytes).toBe(3_000_000_000)
    const { job } = await jobs().create(scene().projectId, jobSpec(dataset.id))
    await expect(datasets.delete(scene().projectId, dataset.id)).rejects.toMatchObject({ code: 'DATASET_IN_USE' })
    await jobs().requestCancel(scene().projectId, job.id)
    expect(await datasets.delete('prj_none', dataset.id)).toBeNull()
    expect(await datasets.delete(scene().projectId, dataset.id)).toEqual({ key: `datasets/${dataset.id}.safetensors` })
    expect(await datasets.delete(scene().projectId, dataset.id)).toBeNull()
    expect(await datasets.get(scene().projectId, dataset.id)).toBeNull()
    expect((await datasets.list(scene().projectId, { limit: 50 })).data.map(({ id }) => id)).not.toContain(dataset.id)
    expect(await jobs().get(scene().projectId, job.id)).toMatchObject({ spec: { datasetId: dataset.id } })
  })

  it('never loses one under a job: a deletion and a creation at once have one winner', async () => {
    for (let round = 0; round < 5; round++) {
      const { dataset } = await makeDatasets(scene().db).create(scene().projectId, newDataset())
      const [created, deleted] = await Promise.allSettled([
        jobs().create(scene().projectId, jobSpec(dataset.id)),
        makeDatasets(scene().db).delete(scene().projectId, dataset.id),
      ])
      expect([created.status, deleted.status].sort()).toEqual(['fulfilled', 'rejected'])
    }
  })
})

describe('api keys', () => {
  it('authenticate by the whole key and are stored as hashes only', async () => {
    const keys = makeApiKeys(scene().db)
    const key = await keys.create(scene().projectId, ['jobs:read'])
    expect(await keys.authenticate(key)).toEqual({ projectId: scene().projectId, scopes: ['jobs:read'] })
    expect(await keys.authenticate(key.slice(0, -1))).toBeNull()
    expect(JSON.stringify(await scene().db.prisma.apiKey.findMany())).not.toContain(key)
  })

  it('make one default project, also at once', async () => {
    const made = await Promise.all(Array.from({ length: 5 }, () => makeApiKeys(scene().db).ensureDefaultProject()))
    expect(new Set(made)).toEqual(new Set([scene().projectId]))
  })
})
