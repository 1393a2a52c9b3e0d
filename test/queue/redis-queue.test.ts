import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { makeJobQueue } from '../../src/queue/job-queue.js'
import { hasRedis, startTestRedis, type TestRedis } from '../support/redis.js'
import { itIsAJobQueue } from './job-queue-conformance.js'

const installed = hasRedis()
if (!installed) console.warn('skipped: redis-server is not installed, so the queue is not tested on Redis')

describe.skipIf(!installed)('queue in Redis (needs redis-server)', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startTestRedis()
  })
  afterAll(() => redis.close())

  itIsAJobQueue(async () => {
    await redis.stop()
    await redis.start()
    return { kind: 'redis', url: redis.url }
  })

  it('says soon that it is away, and goes on by itself when it is back', async () => {
    const errors: unknown[] = []
    const queue = makeJobQueue({ kind: 'redis', url: redis.url }, (error) => errors.push(error))
    const seen: string[] = []
    await queue.consume(async (jobId) => void seen.push(jobId), { concurrency: 1 })
    await redis.stop()
    const delivery = { deliveryId: 'job_a-1-1', jobId: 'job_a', priority: 0 }
    await expect(queue.publish(delivery)).rejects.toThrow()
    await expect(queue.ping()).rejects.toThrow()
    expect(errors.length).toBeGreaterThan(0)
    await redis.start()
    await vi.waitFor(() => queue.publish(delivery), { timeout: 15_000 })
    await vi.waitFor(() => expect(seen).toContain('job_a'), { timeout: 15_000 })
    await queue.close()
  })
})
