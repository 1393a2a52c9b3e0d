import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startHeartbeat } from '../../src/workers/heartbeat.js'

function listener() {
  const told: string[] = []
  return {
    told,
    listener: {
      cancelRequested: () => void told.push('cancel'),
      lost: (how: string) => void told.push(how),
      failed: () => void told.push('failed'),
    },
  }
}
const TIMINGS = { heartbeatMs: 20, leaseMs: 150 }

it('loses the lease when the database never answers', async () => {
  const { told, listener: ears } = listener()
  const heartbeat = startHeartbeat(() => new Promise(() => undefined), TIMINGS, ears)
  await sleep(100)
  expect(told).toEqual([])
  await sleep(200)
  expect(told).toEqual(['silent'])
  heartbeat.close()
})

it('loses the lease once when the database is away, after its end and not before', async () => {
  const { told, listener: ears } = listener()
  startHeartbeat(() => Promise.reject(new Error('away')), TIMINGS, ears)
  await sleep(400)
  expect(told.filter((word) => word !== 'failed')).toEqual(['silent'])
  expect(told.indexOf('silent')).toBeGreaterThan(1)
  expect(told.at(-1)).toBe('silent')
})

it('counts the lease from when it was asked for', async () => {
  const { told, listener: ears } = listener()
  startHeartbeat(() => new Promise(() => undefined), TIMINGS, ears, performance.now() - TIMINGS.leaseMs)
  await sleep(50)
  expect(told).toEqual(['silent'])
})

it('keeps a lease that is renewed, and tells a wish to cancel and a refusal', async () => {
  const { told, listener: ears } = listener()
  let answer: { cancelRequested: boolean } | null = { cancelRequested: false }
  startHeartbeat(async () => answer, TIMINGS, ears)
  await sleep(400)
  expect(told).toEqual([])
  answer = { cancelRequested: true }
  await sleep(60)
  expect(told).toContain('cancel')
  answer = null
  await sleep(60)
  expect(told.at(-1)).toBe('refused')
})
