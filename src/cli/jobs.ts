import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import { loadConfig } from '../config.js'
import { JOB_STATUSES, type JobStatus, type TrainingJob } from '../contracts/training-job.js'
import type { Client } from './client.js'
import { exitCodeOfJob } from './exit-codes.js'
import { addTargetOptions, integer } from './options.js'
import { showProgress } from './progress.js'
import { formatTable } from './table.js'
import { connect, type TargetFlags } from './target.js'

interface JobFlags extends TargetFlags {
  readonly data?: string
  readonly json?: true
}

export function clientFor(flags: JobFlags): Promise<Client> {
  return connect(flags, loadConfig(undefined, { dataFolder: flags.data }))
}

export function addJobs(program: Command): void {
  const jobs = program.command('jobs').description('list, show, watch and cancel training jobs')

  addTargetOptions(jobs.command('list').description('the newest jobs'))
    .addOption(new Option('--status <status>', 'only jobs in this status').choices(JOB_STATUSES))
    .option('--limit <count>', 'how many', integer(1, 200), 50)
    .option('--cursor <cursor>', 'where to go on: what the page before named')
    .option('--json', 'print the page as JSON')
    .action(async (flags: JobFlags & { status?: JobStatus; limit: number; cursor?: string }) => {
      const client = await clientFor(flags)
      const page = await client.jobs({ limit: flags.limit, status: flags.status, cursor: flags.cursor })
      if (flags.json) return print(JSON.stringify(page))
      print(jobTable(page.data))
      if (page.nextCursor) process.stderr.write(`there are more: --cursor ${page.nextCursor}\n`)
    })

  addTargetOptions(jobs.command('show').description('one job as JSON').argument('<id>', 'job id', jobId)).action(
    async (id: string, flags: JobFlags) => print(JSON.stringify(await (await clientFor(flags)).job(id), null, 2)),
  )

  addTargetOptions(
    jobs
      .command('watch')
      .description('follow a job to its end; exit code 0 if it succeeded, 1 if it failed, 4 if it was cancelled')
      .argument('<id>', 'job id', jobId),
  )
    .option('--json', 'print the finished job as JSON')
    .action(async (id: string, flags: JobFlags) => watchToEnd(await clientFor(flags), id, flags.json === true))

  addTargetOptions(jobs.command('cancel').description('ask a job to stop').argument('<id>', 'job id', jobId)).action(
    async (id: string, flags: JobFlags) => {
      const job = await (await clientFor(flags)).cancel(id)
      print(`${job.id} ${job.status}${job.status === 'running' ? ' (stops within a few steps)' : ''}`)
    },
  )
}

/** Sets the exit code: 0 if the job succeeded, 1 if it failed, 4 if it was cancelled. */
export async function watchToEnd(client: Client, id: string, json: boolean): Promise<void> {
  const display = showProgress(id)
  const job = await client.watch(id, display).finally(() => display.end())
  if (json) process.stderr.write(`${summary(job)}\n`)
  print(json ? JSON.stringify(job) : summary(job))
  process.exitCode = exitCodeOfJob(job.status)
}

export function summary(job: TrainingJob): string {
  if (job.failure) return `${job.id} failed: ${job.failure.message} (${job.failure.code})`
  const { result } = job
  if (!result) return `${job.id} ${job.status}`
  const scores = Object.entries(result.test ?? result.validation ?? result.train).map(
    // JSON has no NaN: a mean that is none comes as null.
    ([name, value]: [string, number | null]) => `${name} ${value === null ? 'not a number' : value.toFixed(4)}`,
  )
  const steps = job.spec.kind === 'sensitivity-scan' ? 'measurements' : 'steps'
  return `${job.id} ${job.status}: ${result.steps} ${steps}, ${scores.join(', ')}`
}

export function jobTable(jobs: readonly TrainingJob[]): string {
  const rows = jobs.map(({ id, status, progress, failure, spec }) => [
    id,
    status,
    progress ? `${progress.step}/${progress.steps}` : '',
    failure?.code ?? '',
    spec.name ?? '',
  ])
  return formatTable([['id', 'status', 'step', 'failure', 'name'], ...rows], ['left', 'left', 'right', 'left', 'left'])
}

export function jobId(text: string): string {
  if (!/^job_[0-9a-f-]{36}$/.test(text)) throw new InvalidArgumentError('A job id begins with job_.')
  return text
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** On stderr: stdout is for the figures. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`)
}
