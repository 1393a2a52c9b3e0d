import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import type { Command } from 'commander'
import type { Client } from '../src/cli/client.js'
import { clientFor } from '../src/cli/jobs.js'
import { integer } from '../src/cli/options.js'
import { withOwnService } from '../src/cli/own-service.js'
import type { TargetFlags } from '../src/cli/target.js'
import type { TrainingJob } from '../src/contracts/training-job.js'

/** Where an example finds its service. */
export interface ServiceFlags extends TargetFlags {
  readonly trainers: number
  readonly keep?: true | undefined
}

/** Each holds TensorFlow and the data in memory. */
const MOST_TRAINERS = 4

export function addServiceOptions(command: Command): Command {
  return command
    .option('--url <address>', 'a service that runs; default: one of its own, in a temporary folder')
    .option('--api-key <key>', 'API key of that service (ESPALIER_API_KEY)')
    .option(
      '--trainers <count>',
      'jobs at a time of a service of its own',
      integer(1, 64),
      Math.min(availableParallelism(), MOST_TRAINERS),
    )
    .option('--keep', 'keep a service of its own serving afterwards, until Ctrl-C')
}

/** Runs `work` against the service that the flags name, else against one that is started for it and leaves nothing behind. */
export async function withService<T>(flags: ServiceFlags, work: (client: Client) => Promise<T>): Promise<T> {
  if (flags.url !== undefined) return work(await clientFor(flags))
  const dataFolder = await mkdtemp(path.join(tmpdir(), 'espalier-example-'))
  try {
    return await withOwnService({ dataFolder, trainers: flags.trainers, keep: flags.keep }, ({ client }) =>
      work(client),
    )
  } finally {
    await rm(dataFolder, { recursive: true, force: true })
  }
}

/** Submits all jobs at once and follows them to their ends, whatever these are; gives them in the order in which they were planned. */
export async function* runJobs<T extends { readonly spec: unknown }>(
  client: Client,
  planned: readonly T[],
): AsyncGenerator<T & { job: TrainingJob }> {
  const submitted: { one: T; id: string }[] = []
  for (const one of planned) submitted.push({ one, id: (await client.submit(one.spec)).id })
  for (const { one, id } of submitted) yield { ...one, job: await client.watch(id, {}) }
}
