export interface HeartbeatListener {
  cancelRequested(): void
  /**
   * The job belongs to nobody or to somebody else: what is still running for it may not store anything. `silent` when the
   * database has not said so but did not answer until the lease must have run out. Told once.
   */
  lost(how: 'refused' | 'silent'): void
  failed(error: unknown): void
}

/**
 * Renews a lease every `heartbeatMs` until closed or lost. A database out of reach is told to `failed`; once the lease must
 * have run out without an answer, it counts as lost, even if `renew` never settles.
 *
 * @param leasedAt When the lease was asked for, by `performance.now()`: a clock that nobody sets.
 */
export function startHeartbeat(
  renew: () => Promise<{ cancelRequested: boolean } | null>,
  timings: { readonly heartbeatMs: number; readonly leaseMs: number },
  listener: HeartbeatListener,
  leasedAt = performance.now(),
): { close(): void } {
  let closed = false
  let next: NodeJS.Timeout | undefined
  let expiry: NodeJS.Timeout | undefined

  const close = () => {
    closed = true
    clearTimeout(next)
    clearTimeout(expiry)
  }
  const lose = (how: 'refused' | 'silent') => {
    close()
    listener.lost(how)
  }
  /** The lease runs from when it was asked for: the database cannot have granted it earlier. */
  const renewed = (askedAt: number) => {
    clearTimeout(expiry)
    expiry = setTimeout(() => lose('silent'), Math.max(0, askedAt + timings.leaseMs - performance.now()))
  }
  const beat = async () => {
    const askedAt = performance.now()
    try {
      const answer = await renew()
      if (closed) return
      if (answer === null) return lose('refused')
      renewed(askedAt)
      if (answer.cancelRequested) listener.cancelRequested()
    } catch (error) {
      if (closed) return
      listener.failed(error)
    }
    schedule()
  }
  const schedule = () => {
    next = setTimeout(beat, timings.heartbeatMs)
  }
  renewed(leasedAt)
  schedule()
  return { close }
}
