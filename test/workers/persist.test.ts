import { expect, it } from 'vitest'
import { StaleAttemptError } from '../../src/db/attempts.js'
import { persist, StorageUnavailableError } from '../../src/workers/persist.js'

const never = new AbortController().signal
const AWAY = new Error('connect ECONNREFUSED')

/** Fails with each of `errors` in turn, then gives 'stored'. */
function failing(...errors: Error[]) {
  let tries = 0
  const write = async () => {
    const error = errors[tries++]
    if (error) throw error
    return 'stored'
  }
  return { write, tries: () => tries }
}

it('tries again until the database is back', async () => {
  const { write, tries } = failing(AWAY, AWAY)
  expect(await persist(write, { givenUp: never, patienceMs: 10_000 })).toBe('stored')
  expect(tries()).toBe(3)
})

it('does not try again what was refused', async () => {
  const stale = new StaleAttemptError({ jobId: 'job_1', attempt: 1 })
  const { write, tries } = failing(stale)
  await expect(persist(write, { givenUp: never, patienceMs: 10_000 })).rejects.toBe(stale)
  expect(tries()).toBe(1)
})

it('loses its patience, also with a write that never settles', async () => {
  const patience = { givenUp: never, patienceMs: 300 }
  await expect(persist(failing(AWAY, AWAY, AWAY, AWAY).write, patience)).rejects.toThrow(StorageUnavailableError)
  await expect(persist(() => new Promise(() => undefined), patience)).rejects.toThrow(StorageUnavailableError)
})

it('ends at once when it is given up, in a write and between two', async () => {
  for (const write of [() => new Promise(() => undefined), () => Promise.reject(AWAY)]) {
    const leaseLost = new AbortController()
    const began = performance.now()
    setTimeout(() => leaseLost.abort(), 50)
    await expect(persist(write, { givenUp: leaseLost.signal, patienceMs: 60_000 })).rejects.toThrow(
      StorageUnavailableError,
    )
    expect(performance.now() - began).toBeLessThan(1_000)
  }
})
