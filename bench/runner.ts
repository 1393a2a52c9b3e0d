import type { BenchModel } from './models.js'

/** One way to run training steps. What comes before the first measured step (building, compiling) is not timed. */
export interface Runner {
  readonly name: string
  /** Models that it is for; absent: all. */
  readonly suits?: (model: BenchModel) => boolean
  /** Milliseconds per step over `steps` steps. */
  measure(model: BenchModel): Promise<number>
  close(): void
}

export const BATCH_SIZE = 128
export const LEARNING_RATE = 0.001
export const MAX_NORM = 1
