import type { OptimizerSpec } from '../../contracts/optimizer.js'

/**
 * Learning rate of `step` (from 0) in a job of `steps` steps. `cosine`: constant before `beginStep`, then
 * lr · (f + (1 − f) · ½ (1 + cos(π · (step − beginStep) / (endStep − beginStep)))), then lr · f; `endStep` is by default `steps`.
 * @see Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017 (one period, without restarts).
 */
export function learningRateAt(
  { learningRate, schedule }: Pick<OptimizerSpec, 'learningRate' | 'schedule'>,
  step: number,
  steps: number,
): number {
  if (schedule.kind === 'constant') return learningRate
  const { beginStep, endStep = steps, finalFraction } = schedule
  if (step < beginStep) return learningRate
  const progress = step >= endStep ? 1 : (step - beginStep) / (endStep - beginStep)
  return learningRate * (finalFraction + ((1 - finalFraction) * (1 + Math.cos(Math.PI * progress))) / 2)
}
