import type { JobProgress } from '../contracts/training-job.js'

const INTERVAL_MS = 500

export interface StepNumbers {
  readonly loss: number
  /** Null for regression. */
  readonly accuracy: number | null
  readonly gradientNorm: number
}

/** Where a run stands, averaged over the steps since the last report. */
export interface ProgressMeter {
  add(numbers: StepNumbers): void
  isDue(): boolean
  /** What has gathered since the last call; the numbers of the last report if nothing has. */
  take(at: Pick<JobProgress, 'step' | 'steps' | 'epoch' | 'clippedStepShare' | 'sparsity'>): JobProgress
}

export function makeProgressMeter(): ProgressMeter {
  let since = performance.now()
  let steps = 0
  let sums = { loss: 0, accuracy: 0, gradientNorm: 0 }
  let hasAccuracy = false
  let last = { loss: 0, accuracy: null as number | null, gradientNorm: 0, stepsPerSecond: 0 }
  return {
    add({ loss, accuracy, gradientNorm }) {
      steps++
      hasAccuracy = accuracy !== null
      sums = {
        loss: sums.loss + loss,
        accuracy: sums.accuracy + (accuracy ?? 0),
        gradientNorm: sums.gradientNorm + gradientNorm,
      }
    },
    isDue: () => performance.now() - since >= INTERVAL_MS,
    take(at) {
      const now = performance.now()
      if (steps > 0)
        last = {
          loss: sums.loss / steps,
          accuracy: hasAccuracy ? sums.accuracy / steps : null,
          gradientNorm: sums.gradientNorm / steps,
          stepsPerSecond: (1000 * steps) / Math.max(now - since, 1),
        }
      since = now
      steps = 0
      sums = { loss: 0, accuracy: 0, gradientNorm: 0 }
      const etaSeconds = last.stepsPerSecond > 0 ? (at.steps - at.step) / last.stepsPerSecond : null
      return { ...at, ...last, etaSeconds }
    },
  }
}
