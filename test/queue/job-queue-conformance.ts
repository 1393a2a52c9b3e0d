import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type JobQueue, makeJobQueue, type QueueConfig } from '../../src/queue/job-queue.js'

const SOON = { timeout: 15_000, interval: 20 }

/** What both backends promise. `config` gives the address of an empty queue for each test. */
export function itIsAJobQueue(config: () => Promise<QueueConfig>): void {
  let queue: JobQueue
  let address: QueueConfig
  beforeEach(async () => {
    address = await config()
    queue = makeJobQueue(address)
  })
  afterEach(() => queue.close())
  const publish = (jobId: string, priority = 0, deliveryId = `${jobId}-1-1`) =>
    queue.publish({ deliveryId, jobId, priority })

  it('answers a ping', async () => {
    await expect(queue.ping()).resolves.toBeUndefined()
  })

  it('delivers what was published before and after the consumer came', async () => {
    const seen: string[] = []
    await publish('job_a')
    await queue.consume(async (jobId) => void seen.push(jobId), { concurrency: 1 })
    await vi.waitFor(() => expect(seen).toEqual(['job_a']), SOON)
    const published = Date.now()
    await publish('job_b')
    await vi.waitFor(() => expect(seen).toEqual(['job_a', 'job_b']), SOON)
    expect(Date.now() - published).toBeLessThan(5_000) // pushed, not found at the next poll
  })

  it('delivers the urgent first, equals in order', async () => {
    await publish('low', 0)
    await publish('middle-1', 500)
    await publish('middle-2', 500)
    await publish('high', 1_000)
    const seen: string[] = []
    await queue.consume(async (jobId) => void seen.push(jobId), { concurrency: 1 })
    await vi.waitFor(() => expect(seen).toEqual(['high', 'middle-1', 'middle-2', 'low']), SOON)
  })

  it('holds a delivery once however often it is published, and takes a later one of the same job', async () => {
    for (let round = 0; round < 3; round++) await publish('job_a')
    await publish('job_a', 0, 'job_a-1-2')
    await publish('last', 0)
    const seen: string[] = []
    await queue.consume(async (jobId) => void seen.push(jobId), { concurrency: 1 })
    await vi.waitFor(() => expect(seen).toEqual(['job_a', 'job_a', 'last']), SOON)
  })

  it('forgets a delivery whose handler throws, and delivers the next', async () => {
    const seen: string[] = []
    const handler = async (jobId: string) => {
      seen.push(jobId)
      if (jobId === 'bad') throw new Error('the handler failed')
    }
    await queue.consume(handler, { concurrency: 1 })
    await publish('bad')
    await publish('good')
    await vi.waitFor(() => expect(seen).toEqual(['bad', 'good']), SOON)
    await publish('bad') // the same id again: nothing of the first is left
    await vi.waitFor(() => expect(seen).toEqual(['bad', 'good', 'bad']), SOON)
  })

  it('runs at most `concurrency` handlers at once', async () => {
    let running = 0
    let most = 0
    let done = 0
    await queue.consume(
      async () => {
        running += 1
        most = Math.max(most, running)
        await sleep(100)
        running -= 1
        done += 1
      },
      { concurrency: 2 },
    )
    for (let index = 0; index < 6; index++) await publish(`job_${index}`)
    await vi.waitFor(() => expect(done).toBe(6), SOON)
    expect(most).toBe(2)
  })

  it('shares the deliveries among consumers, each to one', async () => {
    const other = makeJobQueue(address)
    const seen: string[] = []
    const handler = async (jobId: string) => void seen.push(jobId)
    await queue.consume(handler, { concurrency: 1 })
    await other.consume(handler, { concurrency: 1 })
    const ids = Array.from({ length: 10 }, () => `job_${randomUUID()}`)
    await Promise.all(ids.map((id) => publish(id)))
    await vi.waitFor(() => expect(seen).toHaveLength(10), SOON)
    await other.close()
    expect([...seen].sort()).toEqual([...ids].sort())
  })

  it('takes nothing while paused, and waits for a running handler when it closes', async () => {
    const seen: string[] = []
    let release = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const consumer = await queue.consume(
      async (jobId) => {
        seen.push(`begin ${jobId}`)
        await gate
        seen.push(`end ${jobId}`)
      },
      { concurrency: 1 },
    )
    await publish('job_a')
    await vi.waitFor(() => expect(seen).toEqual(['begin job_a']), SOON)
    await consumer.pause()
    await publish('job_b')
    const closed = consumer.close()
    setTimeout(release, 200)
    await closed
    expect(seen).toEqual(['begin job_a', 'end job_a'])
    await queue.consume(async (jobId) => void seen.push(jobId), { concurrency: 1 })
    await vi.waitFor(() => expect(seen.at(-1)).toBe('job_b'), SOON)
  })
}
