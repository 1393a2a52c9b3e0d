import type { Database } from './database.js'
import type { TrainingJob } from './generated/client.js'
import { databaseTime, type Transaction } from './transaction.js'

export interface Delivery {
  readonly deliveryId: string
  readonly jobId: string
  readonly priority: number
}

export interface Outbox {
  /** Due and not handed to the queue yet; the most urgent first. Two relays may read the same ones: the queue drops the second. */
  pending(limit: number): Promise<Delivery[]>
  /** One that was replaced meanwhile stays pending under its new id. */
  markSent(deliveryIds: readonly string[]): Promise<void>
}

export function makeOutbox(db: Database): Outbox {
  return {
    pending: (limit) =>
      db.prisma.$queryRaw<Delivery[]>`
        select delivery_id as "deliveryId", job_id as "jobId", priority from outbox
        where sent_at is null and not_before <= now()
        order by priority desc, created_at
        limit ${limit}`,
    markSent: async (deliveryIds) => {
      await db.prisma.$executeRaw`update outbox set sent_at = now() where delivery_id = any(${[...deliveryIds]})`
    },
  }
}

/** Puts a job that this transaction makes queued up for delivery. */
export async function enqueue(
  tx: Transaction,
  job: Pick<TrainingJob, 'id' | 'attempt' | 'priority'>,
  delayMs = 0,
): Promise<void> {
  const attempt = job.attempt + 1
  const notBefore = new Date((await databaseTime(tx)).getTime() + delayMs)
  await tx.outbox.create({
    data: { jobId: job.id, deliveryId: `${job.id}-${attempt}-1`, attempt, priority: job.priority, notBefore },
  })
}
