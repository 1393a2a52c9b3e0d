import type { JobProgress } from '../contracts/training-job.js'

const INTERVAL_MS = 500
/** Steps that the figures are means over. */
const WINDOW = 20
/** What the pace of the last report weighs in the estimate of the time left. */
const PACE_WEIGHT = 0.3

export interface StepNumbers {
  readonly loss: number
  /** Null unless accuracy is among the metrics. */
  readonly accuracy: number | null
  /** Null where there are no gradients. */
  readonly gradientNorm: number | null
}

/** Where a run stands, averaged over its last steps. */
export interface ProgressMeter {
  add(numbers: StepNumbers): void
  isDue(): boolean
  /** `remaining`: steps that are left; null if that is not known. Null before the first step that was added. */
  take(
    at: Pick<JobProgress, 'step' | 'steps' | 'epoch' | 'clippedStepShare' | 'sparsity'>,
    remaining: number | null,
  ): JobProgress | null
}

/** @param step Updates done before the first that is added. */
export function makeProgressMeter(step: number): ProgressMeter {
  let since = performance.now()
  let reported = step
  let window: StepNumbers[] = []
  /** Milliseconds; null before the first report. */
  let msPerStep: number | null = null
  let stepsPerSecond = 0
  return {
    add(numbers) {
      window = [...window, numbers].slice(-WINDOW)
    },
    isDue: () => performance.now() - since >= INTERVAL_MS,
    take(at, remaining) {
      if (window.length === 0) return null
      const now = performance.now()
      const [steps, ms] = [at.step - reported, Math.max(now - since, 1)]
      if (steps > 0) {
        stepsPerSecond = (1000 * steps) / ms
        msPerStep = msPerStep === null ? ms / steps : (1 - PACE_WEIGHT) * msPerStep + (PACE_WEIGHT * ms) / steps
      }
      since = now
      reported = at.step
      const etaSeconds = remaining === null || msPerStep === null ? null : (remaining * msPerStep) / 1000
      return { ...at, ...meansOf(window), stepsPerSecond, etaSeconds }
    },
  }
}

function meansOf(window: readonly StepNumbers[]): StepNumbers {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const meanOfAll = (values: readonly (number | null)[]) => {
    const numbers = values.filter((value) => value !== null)
    return numbers.length < values.length ? null : mean(numbers)
  }
  return {
    loss: mean(window.map(({ loss }) => loss)),
    accuracy: meanOfAll(window.map(({ accuracy }) => accuracy)),
    gradientNorm: meanOfAll(window.map(({ gradientNorm }) => gradientNorm)),
  }
}
