import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Command } from 'commander'
import type { JobResult, TrainingJob } from '../contracts/training-job.js'
import type { Client } from './client.js'
import { type DemoRun, demoTable, machineReadable } from './demo-report.js'
import { denseSpec, prunedSpec } from './demo-specs.js'
import { print, say } from './jobs.js'
import { integer, portOption } from './options.js'
import { withOwnService } from './own-service.js'
import { showProgress } from './progress.js'

interface DemoFlags {
  readonly seed: number
  readonly data?: string
  readonly port?: number
  readonly keep?: true
  readonly json?: true
}

/** Where the downloaded weights go, in the data folder. */
const FILES = 'demo'

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('train LeNet-300-100 on MNIST, clipped, dense and pruned to 90 %, through a service started for it')
    .option('--seed <number>', 'seed of both jobs', integer(0, 2_147_483_647), 7)
    .option('--data <folder>', 'data folder of the service; default: a temporary one, of which the weights are left')
    .addOption(portOption())
    .option('--keep', 'keep serving afterwards, until Ctrl-C')
    .option('--json', 'print the figures as one JSON line at the end')
    .action(demo)
}

async function demo(flags: DemoFlags): Promise<void> {
  const given = flags.data
  const dataFolder = given ?? (await mkdtemp(path.join(tmpdir(), 'espalier-demo-')))
  try {
    await withOwnService({ dataFolder, port: flags.port, keep: flags.keep }, async ({ url, client }) => {
      const run = await train(client, flags.seed, path.resolve(dataFolder, FILES))
      say(`\n${demoTable(run, url, flags.keep === true)}`)
      if (flags.json) print(JSON.stringify(machineReadable(run)))
    })
  } finally {
    if (given === undefined) await keepOnly(dataFolder, FILES)
  }
}

async function train(client: Client, seed: number, folder: string): Promise<DemoRun> {
  const { id: datasetId, schema } = await client.useBuiltinDataset('mnist')
  say(`dataset mnist: ${schema.trainRows} images to train, ${schema.testRows} to test`)
  const options = { datasetId, trainRows: schema.trainRows, seed }
  const dense = await runJob(client, 'dense ', denseSpec(options))
  const pruned = await runJob(client, 'pruned', prunedSpec(options))
  const files = await download(client, pruned.job, pruned.result, folder)
  return { dense: dense.result, pruned: pruned.result, jobSeconds: secondsOf(pruned.job), files }
}

async function runJob(client: Client, title: string, spec: unknown): Promise<{ job: TrainingJob; result: JobResult }> {
  const { id } = await client.submit(spec)
  const display = showProgress(title)
  const job = await client.watch(id, display).finally(() => display.end())
  if (job.result) return { job, result: job.result }
  throw new Error(
    `${id} ${job.status}: ${job.failure ? `${job.failure.message} (${job.failure.code})` : 'it has no result'}`,
  )
}

/** Both files of weights; what was downloaded has to be what the job says it made. */
async function download(client: Client, job: TrainingJob, result: JobResult, folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true })
  const paths: string[] = []
  for (const [name, bytes] of [
    ['weights.safetensors', result.bytes.dense],
    ['weights.sparse', result.bytes.sparse],
  ] as const) {
    const file = path.join(folder, name)
    const body = await client.download(job.id, name)
    if (body.byteLength !== bytes) throw new Error(`${name} has ${body.byteLength} bytes, the job says ${bytes}`)
    const sha256 = createHash('sha256').update(body).digest('hex')
    if (name === 'weights.safetensors' && sha256 !== result.weightsSha256)
      throw new Error(`${name} has SHA-256 ${sha256}, the job says ${result.weightsSha256}`)
    await writeFile(file, body)
    paths.push(file)
  }
  return paths
}

function secondsOf({ startedAt, endedAt }: TrainingJob): number {
  return startedAt && endedAt ? (Date.parse(endedAt) - Date.parse(startedAt)) / 1000 : Number.NaN
}

/** Without the kept part, the folder goes too. */
async function keepOnly(folder: string, kept: string): Promise<void> {
  const names = await readdir(folder)
  const going = names.includes(kept)
    ? names.filter((name) => name !== kept).map((name) => path.join(folder, name))
    : [folder]
  for (const one of going) await rm(one, { recursive: true, force: true })
}
