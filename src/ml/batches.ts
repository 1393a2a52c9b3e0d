import { makeRandom } from '../random.js'

/** How the rows of an epoch are dealt out. */
export interface BatchPlan {
  /** Rows of a mini-batch. */
  readonly batchSize: number
  /** Mini-batches of an update. */
  readonly accumulateSteps: number
  readonly seed: number
}

/** Which rows train at which step: a pure function of the seed and the step, so that a resumed run sees the same batches. */
export interface Batches {
  readonly stepsPerEpoch: number
  /** Rows of the last mini-batch of an epoch if that is smaller than the others, else 0. */
  readonly restSize: number
  /** Mini-batches of full size an epoch. */
  readonly fullBatches: number
  /** Updates an epoch whose last mini-batch, the one that makes the update, is of full size: the first ones. */
  readonly fullUpdates: number
  epochOf(step: number): number
  /** Mini-batches of an update. Every row comes once an epoch, in an order drawn anew for each epoch. */
  miniBatchesAt(step: number): Int32Array[]
}

/** `batchSize` larger than the data gives one batch an epoch, of all rows. */
export function makeBatches(rows: Int32Array, { batchSize, accumulateSteps, seed }: BatchPlan): Batches {
  const perStep = batchSize * accumulateSteps
  const stepsPerEpoch = Math.ceil(rows.length / perStep)
  let shuffled: { epoch: number; rows: Int32Array } | null = null
  const epochOf = (step: number) => Math.floor(step / stepsPerEpoch)
  const restSize = rows.length % batchSize
  return {
    stepsPerEpoch,
    fullBatches: Math.floor(rows.length / batchSize),
    fullUpdates: restSize === 0 ? stepsPerEpoch : stepsPerEpoch - 1,
    restSize,
    epochOf,
    miniBatchesAt(step) {
      const epoch = epochOf(step)
      if (shuffled?.epoch !== epoch) {
        const order = makeRandom(seed, `shuffle/${epoch}`).permutation(rows.length)
        shuffled = { epoch, rows: order.map((position) => rows[position] ?? 0) }
      }
      const begin = (step - epoch * stepsPerEpoch) * perStep
      const ofStep = shuffled.rows.slice(begin, begin + perStep)
      const parts = Math.ceil(ofStep.length / batchSize)
      return Array.from({ length: parts }, (_, part) => ofStep.slice(part * batchSize, (part + 1) * batchSize))
    },
  }
}
