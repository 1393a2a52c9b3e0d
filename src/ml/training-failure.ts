import type { ErrorCode } from '../errors.js'

/** The end of a job by its own fault: a further attempt would meet it again. */
export class TrainingFailure extends Error {
  override readonly name = 'TrainingFailure'

  /** `step` counts from 0; null if it happened before the first. */
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly step: number | null,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}
