import { type Command, InvalidArgumentError } from 'commander'
import { UsageError } from './exit-codes.js'
import { clientFor, print, watchToEnd } from './jobs.js'
import { addTargetOptions } from './options.js'
import { readInput } from './read-input.js'
import type { TargetFlags } from './target.js'

interface SubmitFlags extends TargetFlags {
  readonly data?: string
  readonly dataset?: string
  readonly watch?: true
  readonly json?: true
}

export function addSubmit(program: Command): void {
  const command = program
    .command('submit')
    .description('submit a training job; with --watch follow it, exit code 0 if it succeeded')
    .argument('<spec>', 'file with the job spec as JSON; - reads standard input')
  addTargetOptions(command)
    .option('--dataset <id>', 'dataset to train on, in place of the datasetId of the spec', datasetId)
    .option('--watch', 'follow the job to its end')
    .option('--json', 'print the job as JSON')
    .action(submit)
}

async function submit(file: string, flags: SubmitFlags): Promise<void> {
  const spec = withDataset(await readSpec(file), flags.dataset)
  const client = await clientFor(flags)
  const job = await client.submit(spec)
  if (flags.watch) return watchToEnd(client, job.id, flags.json === true)
  print(flags.json ? JSON.stringify(job) : job.id)
}

/** @throws UsageError that names the file */
export async function readSpec(file: string): Promise<unknown> {
  const text = (await readInput(file)).toString()
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** What is no object is left for the service to refuse. */
function withDataset(spec: unknown, id: string | undefined): unknown {
  const isObject = typeof spec === 'object' && spec !== null && !Array.isArray(spec)
  return id !== undefined && isObject ? { ...spec, datasetId: id } : spec
}

function datasetId(text: string): string {
  if (!/^ds_[0-9a-f-]{36}$/.test(text)) throw new InvalidArgumentError('A dataset id begins with ds_.')
  return text
}
