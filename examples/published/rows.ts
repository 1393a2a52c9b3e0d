import type { Client } from '../../src/cli/client.js'
import { say } from '../../src/cli/jobs.js'
import type { PruningReport } from '../../src/contracts/pruning-report.js'
import type { TrainingJob } from '../../src/contracts/training-job.js'
import { runJobs } from '../service.js'
import { type Row, specOf, type Table } from './tables.js'

/** What came of one job; errors in percent of the test split, at the last step. */
export interface Trial {
  readonly seed: number
  readonly error: number
  readonly sparsity: number
  readonly clippedStepShare: number
  readonly report: PruningReport | null
}

export interface RowFigures {
  readonly row: Row
  readonly trials: readonly Trial[]
  readonly mean: number
  /** Sample standard deviation over the seeds; 0 for one. */
  readonly deviation: number
  /** Null: there is no bound. */
  readonly holds: boolean | null
}

/** One job for each seed. @throws Error if one does not succeed */
export async function runRow(
  client: Client,
  table: Table,
  row: Row,
  { seeds, datasetId }: { readonly seeds: readonly number[]; readonly datasetId: string },
): Promise<Trial[]> {
  say(`\n${table.model}, ${row.name}: ${seeds.length} jobs of ${row.epochs} epochs`)
  const planned = seeds.map((seed) => ({ seed, spec: specOf(table, row, { seed, datasetId }) }))
  const trials: Trial[] = []
  for await (const { seed, job } of runJobs(client, planned)) {
    const report = job.spec.pruning ? await client.pruningReport(job.id) : null
    const trial = { seed, report, ...figuresOf(job) }
    trials.push(trial)
    say(`  seed ${seed}: test error ${trial.error.toFixed(2)} %`)
  }
  return trials
}

function figuresOf({
  id,
  status,
  failure,
  result,
}: TrainingJob): Pick<Trial, 'error' | 'sparsity' | 'clippedStepShare'> {
  const accuracy = result?.test?.accuracy
  if (!result || accuracy === undefined) throw new Error(`${id} ${status}${failure ? `: ${failure.message}` : ''}`)
  return { error: 100 * (1 - accuracy), sparsity: result.sparsity, clippedStepShare: result.clippedStepShare }
}

export function rowFigures(row: Row, trials: readonly Trial[]): RowFigures {
  const errors = trials.map(({ error }) => error)
  const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length
  const squares = errors.reduce((sum, error) => sum + (error - mean) ** 2, 0)
  const deviation = errors.length > 1 ? Math.sqrt(squares / (errors.length - 1)) : 0
  return { row, trials, mean, deviation, holds: row.bound === null ? null : mean <= row.bound }
}
