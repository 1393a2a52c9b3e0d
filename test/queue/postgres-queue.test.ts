import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Database, makeDatabase } from '../../src/db/database.js'
import { makeOutbox } from '../../src/db/outbox.js'
import { makeTrainingJobs } from '../../src/db/training-jobs.js'
import { makeJobQueue } from '../../src/queue/job-queue.js'
import { startRelay } from '../../src/queue/relay.js'
import { jobSpec, seed } from '../support/jobs.js'
import { startTestDatabase, type TestDatabase } from '../support/postgres.js'
import { itIsAJobQueue } from './job-queue-conformance.js'

let keep: TestDatabase // so that the server outlives each test
beforeAll(async () => {
  keep = await startTestDatabase()
})
afterAll(() => keep.close())

describe('queue in PostgreSQL', () => {
  const databases: TestDatabase[] = []
  itIsAJobQueue(async () => {
    const database = await startTestDatabase()
    databases.push(database)
    return { kind: 'postgres', connectionString: database.connectionString }
  })
  afterEach(async () => {
    // Databases of earlier tests only: the queue of this one closes after this hook.
    for (const database of databases.splice(0, databases.length - 1)) await database.close()
  })
  afterAll(async () => {
    for (const database of databases) await database.close()
  })
})

describe('relay', () => {
  let db: Database
  beforeAll(() => {
    db = makeDatabase(keep.connectionString)
  })
  afterAll(() => db.close())

  it('carries accepted jobs to a consumer in the same database, each once, however many relays run', async () => {
    const { projectId, datasetId } = await seed(db)
    const queue = makeJobQueue({ kind: 'postgres', connectionString: keep.connectionString })
    const seen: string[] = []
    await queue.consume(async (jobId) => void seen.push(jobId), { concurrency: 1 })
    const outbox = makeOutbox(db)
    // The queue is away at first: nothing is lost, and the relay says so.
    let isAway = true
    const errors: unknown[] = []
    const flaky = {
      publish: async (delivery: Parameters<typeof queue.publish>[0]) => {
        if (isAway) throw new Error('away')
        await queue.publish(delivery)
      },
    }
    const relays = [1, 2].map(() =>
      startRelay({ outbox, queue: flaky, intervalMs: 20, onError: (error) => errors.push(error) }),
    )
    const created: string[] = []
    for (let index = 0; index < 5; index++)
      created.push((await makeTrainingJobs(db).create(projectId, jobSpec(datasetId))).job.id)
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(0), { timeout: 5_000 })
    expect(await outbox.pending(100)).toHaveLength(5)
    isAway = false
    await vi.waitFor(() => expect(new Set(seen)).toEqual(new Set(created)), { timeout: 15_000 })
    await vi.waitFor(async () => expect(await outbox.pending(100)).toEqual([]), { timeout: 5_000 })
    await Promise.all(relays.map((relay) => relay.close()))
    await queue.close()
  })
})
