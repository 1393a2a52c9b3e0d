import type { EventType } from '../contracts/event.js'
import type { Prisma, TrainingJob } from './generated/client.js'
import { toJson } from './json.js'
import type { Transaction } from './transaction.js'

/** One execution of a job; `attempt` is the fencing token. */
export interface AttemptRef {
  readonly jobId: string
  readonly attempt: number
}

/** The attempt is not the running one any more: the worker stops and forgets it. */
export class StaleAttemptError extends Error {
  override readonly name = 'StaleAttemptError'
  constructor(readonly ref: AttemptRef) {
    super(`attempt ${ref.attempt} of ${ref.jobId} is not the running one`)
  }
}

/**
 * Changes the job if `ref` is its running attempt, and holds the row until the transaction ends, so that whatever else the
 * transaction writes belongs to the running attempt too.
 * @throws StaleAttemptError if it is not
 */
export async function fenced(
  tx: Transaction,
  ref: AttemptRef,
  data: Prisma.TrainingJobUpdateManyMutationInput,
  where: Prisma.TrainingJobWhereInput = {},
): Promise<TrainingJob> {
  const [job] = await tx.trainingJob.updateManyAndReturn({
    where: { ...where, id: ref.jobId, status: 'running', attempt: ref.attempt },
    // Without any change Prisma would only read the row, and nothing would hold it.
    data: { updatedAt: new Date(), ...data },
  })
  if (!job) throw new StaleAttemptError(ref)
  return job
}

/** For the change that goes with `appendEvent`: takes the next sequence number. */
export const NEXT_EVENT = { eventSequence: { increment: 1 } } as const

/** Writes the event whose number the same transaction has taken with NEXT_EVENT: no gaps, no doubles, in order of commit. */
export async function appendEvent(
  tx: Transaction,
  job: Pick<TrainingJob, 'id' | 'eventSequence' | 'attempt'>,
  type: EventType,
  data: Record<string, unknown>,
): Promise<void> {
  await tx.jobEvent.create({
    data: { jobId: job.id, sequence: job.eventSequence, attempt: job.attempt, type, data: toJson(data) },
  })
}
