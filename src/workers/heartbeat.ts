export interface HeartbeatListener {
  cancelRequested(): void
  /** The job belongs to nobody or to somebody else: what is still running for it may not store anything. */
  lost(): void
  failed(error: unknown): void
}

/**
 * Renews a lease every `heartbeatMs` until closed. A database out of reach is told to `failed`; once the lease must have run
 * out without an answer, it counts as lost.
 */
export function startHeartbeat(
  renew: () => Promise<{ cancelRequested: boolean } | null>,
  timings: { readonly heartbeatMs: number; readonly leaseMs: number },
  listener: HeartbeatListener,
): { close(): Promise<void> } {
  let closed = false
  let timer: NodeJS.Timeout | null = null
  let renewedAt = Date.now()
  let current: Promise<void> = Promise.resolve()

  const beat = async () => {
    const askedAt = Date.now()
    try {
      const answer = await renew()
      if (closed) return
      if (answer === null) return listener.lost()
      renewedAt = askedAt
      if (answer.cancelRequested) listener.cancelRequested()
    } catch (error) {
      if (closed) return
      listener.failed(error)
      if (Date.now() - renewedAt > timings.leaseMs) return listener.lost()
    }
    schedule()
  }
  const schedule = () => {
    timer = setTimeout(() => {
      current = beat()
    }, timings.heartbeatMs)
  }
  schedule()
  return {
    async close() {
      closed = true
      if (timer) clearTimeout(timer)
      await current
    },
  }
}
