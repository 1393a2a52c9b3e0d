import { CommanderError } from 'commander'
import { ConfigError } from '../config.js'
import type { JobStatus } from '../contracts/training-job.js'
import { ProblemError, ServiceUnreachableError } from './client.js'

/** What the exit codes of the command mean; 0 is success. */
export const EXIT = { failed: 1, usage: 2, unreachable: 3, cancelled: 4 } as const

/** Of a command that waited for the job. */
export function exitCodeOfJob(status: JobStatus): number {
  if (status === 'succeeded') return 0
  return status === 'cancelled' ? EXIT.cancelled : EXIT.failed
}

/** A mistake in how the command was called. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export function exitCodeOfError(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage
  if (error instanceof UsageError || error instanceof ConfigError) return EXIT.usage
  if (error instanceof ServiceUnreachableError) return EXIT.unreachable
  if (error instanceof ProblemError) {
    if (error.problem.status === 503) return EXIT.unreachable
    return error.problem.status < 500 ? EXIT.usage : EXIT.failed
  }
  return EXIT.failed
}
