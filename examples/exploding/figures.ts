import type { ClippingReport } from '../../src/contracts/clipping-report.js'
import type { TrainingJob } from '../../src/contracts/training-job.js'
import { ARM_NAMES, type Arm, type Experiment, stepsUntil } from './experiments.js'

/** What came of one job. */
export interface Trial {
  readonly arm: Arm
  readonly seed: number
  readonly jobId: string
  /** Updates. */
  readonly steps: number
  /** Updates until the event of the experiment; null: it did not happen. */
  readonly eventAfter: number | null
  /** Null: the job did not come to its end. */
  readonly testAccuracy: number | null
  /** Code of its failure. */
  readonly failure: string | null
  /** Of all gradients, before clipping. */
  readonly norm: NormFigures
  /** Steps in which clipping changed the gradient. */
  readonly clippedSteps: number
}

export interface NormFigures {
  readonly q50: number
  readonly q90: number
  readonly q99: number
  readonly max: number
}

/** What the jobs of an arm have in common. */
export interface ArmFigures {
  readonly arm: Arm
  readonly jobs: number
  /** Jobs in which the event happened. */
  readonly events: number
  /** At least, at most. */
  readonly expected: readonly [number, number]
  readonly holds: boolean
  /** Median of `eventAfter`; null: the event happened in none. */
  readonly medianSteps: number | null
  /** Median; null: no job came to its end. */
  readonly testAccuracy: number | null
  /** Medians over the jobs; `max` is the largest of all. */
  readonly norm: NormFigures
  /** Share of the steps of all jobs. */
  readonly engagement: number
}

/** @throws Error if the job ended for a reason that has nothing to do with the experiment, or before its first step */
export function makeTrial(
  { event }: Pick<Experiment, 'event'>,
  { arm, seed, job, report }: { arm: Arm; seed: number; job: TrainingJob; report: ClippingReport },
): Trial {
  const eventAfter = stepsUntil(event, job)
  if (report.norm === null) throw new Error(`${job.id} ${job.status} before its first step`)
  const { q50, q90, q99, max } = report.norm
  return {
    ...{ arm, seed, jobId: job.id, steps: report.steps, eventAfter },
    testAccuracy: job.result?.test?.accuracy ?? null,
    failure: job.failure?.code ?? null,
    norm: { q50, q90, q99, max },
    clippedSteps: report.engagement.steps,
  }
}

export function armFigures({ expected }: Pick<Experiment, 'expected'>, trials: readonly Trial[]): ArmFigures[] {
  return ARM_NAMES.map((arm) => {
    const own = trials.filter((trial) => trial.arm === arm)
    const after = own.flatMap(({ eventAfter }) => eventAfter ?? [])
    const [least, most] = expected[arm]
    const quantile = (name: keyof NormFigures) => median(own.map(({ norm }) => norm[name])) ?? 0
    return {
      ...{ arm, jobs: own.length, events: after.length, expected: expected[arm] },
      holds: least <= after.length && after.length <= most,
      medianSteps: median(after),
      testAccuracy: median(own.flatMap(({ testAccuracy }) => testAccuracy ?? [])),
      norm: {
        ...{ q50: quantile('q50'), q90: quantile('q90'), q99: quantile('q99') },
        max: Math.max(0, ...own.map(({ norm }) => norm.max)),
      },
      engagement: sum(own.map(({ clippedSteps }) => clippedSteps)) / Math.max(1, sum(own.map(({ steps }) => steps))),
    }
  })
}

/** Of an even number of values the mean of the two in the middle; null of none. */
export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
