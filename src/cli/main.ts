#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { VERSION } from '../version.js'
import { ServiceUnreachableError } from './client.js'
import { addDemo } from './demo.js'
import { addDoctor } from './doctor.js'
import { exitCodeOfError } from './exit-codes.js'
import { addJobs } from './jobs.js'
import { addKeys } from './keys.js'
import { addApi, addWorker } from './processes.js'
import { addServe } from './serve.js'
import { addSubmit } from './submit.js'

const program = new Command('espalier')
  .description('Training service: gradient clipping and pruning of neural networks over HTTP')
  .version(VERSION)
  .showHelpAfterError('(--help shows what is possible)')
  .exitOverride()

for (const add of [addServe, addApi, addWorker, addSubmit, addJobs, addKeys, addDemo, addDoctor]) add(program)

try {
  await program.parseAsync()
} catch (error) {
  // Commander has said its part already.
  if (!(error instanceof CommanderError)) process.stderr.write(`espalier: ${explain(error)}\n`)
  process.exitCode = exitCodeOfError(error)
}
// Everything is closed and written by now; what may still hold the process is a timer of ten seconds in Prisma's migration engine.
process.exit()

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
