import type { Client } from '../../src/cli/client.js'
import { say } from '../../src/cli/jobs.js'
import { count } from '../../src/cli/table.js'
import { runJobs } from '../service.js'
import { ARM_NAMES, type Experiment, specOf } from './experiments.js'
import { makeTrial, type Trial } from './figures.js'

/** Runs both arms of an experiment with each of the seeds, and reads the clipping report of every job, also of one that failed. */
export async function runTrials(client: Client, experiment: Experiment, seeds: readonly number[]): Promise<Trial[]> {
  const { name, ...options } = experiment.dataset
  const { id } = await client.useBuiltinDataset(name, options)
  const planned = seeds.flatMap((seed) =>
    ARM_NAMES.map((arm) => ({ arm, seed, spec: specOf(experiment, { arm, seed, datasetId: id }) })),
  )
  say(`\n${experiment.name}: ${planned.length} jobs`)
  const trials: Trial[] = []
  for await (const { arm, seed, job } of runJobs(client, planned)) {
    const trial = makeTrial(experiment, { arm, seed, job, report: await client.clippingReport(job.id) })
    trials.push(trial)
    say(`  seed ${seed} ${arm}: ${ending(experiment, trial)}`)
  }
  return trials
}

function ending({ event }: Experiment, { steps, eventAfter }: Trial): string {
  const without = event === 'solved' ? 'not solved' : 'finite'
  return `${eventAfter === null ? without : event} after ${count(eventAfter ?? steps)} steps`
}
