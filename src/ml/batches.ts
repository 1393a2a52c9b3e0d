import { makeRandom } from './random.js'

/** Which rows train at which step: a pure function of the seed and the step, so that a resumed run sees the same batches. */
export interface Batches {
  readonly stepsPerEpoch: number
  /** Rows of the last batch of an epoch if that is smaller than the others, else 0. */
  readonly restSize: number
  /** Batches of full size an epoch. */
  readonly fullBatches: number
  epochOf(step: number): number
  /** Every row once an epoch, in an order drawn anew for each epoch. */
  rowsAt(step: number): Int32Array
}

/** `batchSize` larger than the data gives one batch an epoch, of all rows. */
export function makeBatches(rows: Int32Array, batchSize: number, seed: number): Batches {
  const stepsPerEpoch = Math.ceil(rows.length / batchSize)
  let shuffled: { epoch: number; rows: Int32Array } | null = null
  const epochOf = (step: number) => Math.floor(step / stepsPerEpoch)
  return {
    stepsPerEpoch,
    fullBatches: Math.floor(rows.length / batchSize),
    restSize: rows.length % batchSize,
    epochOf,
    rowsAt(step) {
      const epoch = epochOf(step)
      if (shuffled?.epoch !== epoch) {
        const order = makeRandom(seed, `shuffle/${epoch}`).permutation(rows.length)
        shuffled = { epoch, rows: order.map((position) => rows[position] ?? 0) }
      }
      const begin = (step - epoch * stepsPerEpoch) * batchSize
      return shuffled.rows.slice(begin, begin + batchSize)
    },
  }
}
