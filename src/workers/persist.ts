import { setTimeout as sleep } from 'node:timers/promises'
import { isDatabaseTrouble } from '../db/trouble.js'

export interface Patience {
  /** Ends the trying at once, also that of a write which never settles. */
  readonly givenUp: AbortSignal
  /** From the first try on. The heartbeat gives up earlier when the whole database is away. */
  readonly patienceMs: number
}

const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5000

/** The database did not take a write for as long as it was worth trying; whether it holds it is not known. */
export class StorageUnavailableError extends Error {
  override readonly name = 'StorageUnavailableError'
}

/**
 * Tries a write again while the database is in trouble, with growing pauses.
 * @throws StorageUnavailableError when patience ends; the error itself when it is none of the database's trouble
 */
export async function persist<T>(write: () => Promise<T>, { givenUp, patienceMs }: Patience): Promise<T> {
  const deadline = performance.now() + patienceMs
  let last: unknown = null
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    const left = deadline - performance.now()
    if (givenUp.aborted || left <= 0) throw unavailable(last)
    try {
      return await within(write, givenUp, left)
    } catch (error) {
      if (error instanceof StorageUnavailableError || !isDatabaseTrouble(error)) throw error
      last = error
    }
    const rest = Math.max(0, deadline - performance.now())
    await sleep(Math.min(pause, rest), undefined, { signal: givenUp }).catch(() => undefined)
  }
}

/** What the write gives, or StorageUnavailableError when `signal` or the time comes first: a connection may hang for ever. */
async function within<T>(write: () => Promise<T>, signal: AbortSignal, ms: number): Promise<T> {
  let giveUp: () => void = () => undefined
  const late = new Promise<never>((_, reject) => {
    giveUp = () => reject(unavailable(null))
  })
  const timer = setTimeout(giveUp, ms)
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    return await Promise.race([write(), late])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
  }
}

function unavailable(cause: unknown): StorageUnavailableError {
  const why = cause instanceof Error ? cause.message : 'it does not answer'
  return new StorageUnavailableError(`the database is out of reach: ${why}`, { cause })
}
