import { type Command, CommanderError } from 'commander'
import { ServiceUnreachableError } from './client.js'
import { exitCodeOfError } from './exit-codes.js'

/** Runs the command that the arguments name and ends the process: errors are said on stderr and decide about the exit code. */
export async function runProgram(program: Command): Promise<never> {
  try {
    await program.parseAsync()
  } catch (error) {
    // Commander has said its part already.
    if (!(error instanceof CommanderError)) process.stderr.write(`${program.name()}: ${explain(error)}\n`)
    process.exitCode = exitCodeOfError(error)
  }
  // Everything is closed and written by now; what may still hold the process is a timer of ten seconds in Prisma's migration engine.
  process.exit()
}

/** Mistakes of the program come with the stack that says where to look; everything else is meant for the reader. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof ServiceUnreachableError) return error.message
  const isBug = [TypeError, RangeError, ReferenceError].some((kind) => error instanceof kind)
  return isBug && error.stack && !(error.cause instanceof Error) ? error.stack : withCause(error)
}

/** `fetch failed` says nothing without its cause, the refused connection. */
function withCause(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${withCause(error.cause)}` : error.message
}
