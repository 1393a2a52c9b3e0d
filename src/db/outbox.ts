import type { Database } from './database.js'
import type { TrainingJob } from './generated/client.js'
import type { Transaction } from './transaction.js'

export interface Delivery {
  readonly deliveryId: string
  readonly jobId: string
  readonly priority: number
}

export interface Outbox {
  /** Not handed to the queue yet; the most urgent first. Two relays may read the same ones: the queue drops the second. */
  pending(limit: number): Promise<Delivery[]>
  /** One that was replaced meanwhile stays pending under its new id. */
  markSent(deliveryIds: readonly string[]): Promise<void>
}

export function makeOutbox(db: Database): Outbox {
  return {
    pending: (limit) =>
      db.prisma.outbox.findMany({
        where: { sentAt: null },
        orderBy: [{ priority: 'desc' }, { createdAt: 'asc' }],
        take: limit,
        select: { deliveryId: true, jobId: true, priority: true },
      }),
    markSent: async (deliveryIds) => {
      await db.prisma.$executeRaw`update outbox set sent_at = now() where delivery_id = any(${[...deliveryIds]})`
    },
  }
}

/** Puts a job that this transaction makes queued up for delivery. */
export async function enqueue(tx: Transaction, job: Pick<TrainingJob, 'id' | 'attempt' | 'priority'>): Promise<void> {
  const attempt = job.attempt + 1
  await tx.outbox.create({
    data: { jobId: job.id, deliveryId: `${job.id}-${attempt}-1`, attempt, priority: job.priority },
  })
}
