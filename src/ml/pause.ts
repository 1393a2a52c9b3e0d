const MAX_BUSY_MS = 50

/** Lets the event loop turn, so that messages get out and stop requests come in. */
export type Pause = () => Promise<void>

/** Returns at once unless the loop has been kept busy for 50 ms. */
export function makePause(): Pause {
  let last = performance.now()
  return async () => {
    if (performance.now() - last < MAX_BUSY_MS) return
    await new Promise((resolve) => setImmediate(resolve))
    last = performance.now()
  }
}
