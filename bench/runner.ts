import type { LayersModel } from '../src/contracts/model.js'

export interface BenchModel {
  readonly name: string
  readonly model: LayersModel
  /** Steps in one run of the fast variants. */
  readonly steps: number
  /** Steps in one run of the eager variant, which is slower. */
  readonly eagerSteps: number
}

/** One way to run training steps. What comes before the first measured step (building, compiling) is not timed. */
export interface Runner {
  readonly name: string
  /** Milliseconds per step over `steps` steps. */
  measure(model: BenchModel): Promise<number>
  close(): void
}

export const BATCH_SIZE = 128
export const LEARNING_RATE = 0.001
export const MAX_NORM = 1
