import type { Database } from './database.js'
import type { AttemptRef } from './fence.js'

export interface Sweeps {
  /** Running attempts whose lease has run out: requeue them with `onlyIfLeaseExpired`. */
  expiredLeases(): Promise<AttemptRef[]>
  /**
   * Queued jobs that were handed to the queue longer than `olderThanMs` ago, twice as long with each delivery, are put up for
   * delivery again; returns how many. A job that merely waits its turn is delivered twice by this, which does no harm.
   */
  redeliver(olderThanMs: number): Promise<number>
  /** Forgets idempotency keys that are older; returns how many. */
  expireIdempotencyKeys(olderThanMs: number): Promise<number>
}

/** What the sweeper looks for. All times are those of the database. */
export function makeSweeps(db: Database): Sweeps {
  return {
    expiredLeases: () => db.prisma.$queryRaw<AttemptRef[]>`
      select id as "jobId", attempt from training_jobs where status = 'running' and lease_until < now() order by lease_until`,
    redeliver: (olderThanMs) => db.prisma.$executeRaw`
      update outbox
      set sent_at = null, deliveries = deliveries + 1,
          delivery_id = job_id || '-' || attempt || '-' || (deliveries + 1)
      where sent_at < now() - ${olderThanMs}::float8 * power(2, least(deliveries - 1, 6)) * interval '1 millisecond'`,
    expireIdempotencyKeys: (olderThanMs) => db.prisma.$executeRaw`
      delete from idempotency_records where created_at < now() - ${olderThanMs}::float8 * interval '1 millisecond'`,
  }
}
