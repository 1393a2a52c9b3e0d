import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { clientFor, print, watchToEnd } from './jobs.js'
import { addTargetOptions } from './options.js'
import type { TargetFlags } from './target.js'

interface SubmitFlags extends TargetFlags {
  readonly data?: string
  readonly watch?: true
  readonly json?: true
}

export function addSubmit(program: Command): void {
  const command = program
    .command('submit')
    .description('submit a training job; with --watch follow it, exit code 0 if it succeeded')
    .argument('<spec>', 'file with the job spec as JSON; - reads standard input')
  addTargetOptions(command)
    .option('--watch', 'follow the job to its end')
    .option('--json', 'print the job as JSON')
    .action(submit)
}

async function submit(file: string, flags: SubmitFlags): Promise<void> {
  const spec = parseSpec(await readFile(file === '-' ? '/dev/stdin' : file, 'utf8'), file)
  const client = await clientFor(flags)
  const job = await client.submit(spec)
  if (flags.watch) return watchToEnd(client, job.id, flags.json === true)
  print(flags.json ? JSON.stringify(job) : job.id)
}

function parseSpec(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}
