import { setImmediate } from 'node:timers/promises'
import { problem } from '../errors.js'
import { makeRandom } from '../random.js'
import { countClasses } from './class-counts.js'
import type { DatasetDraft } from './draft.js'

export interface TemporalOrderOptions {
  /** Training sequences, 1 to 1,000,000; default 10,000. */
  readonly rows?: number | undefined
  /** Test sequences, 0 to 1,000,000; default 1,000. */
  readonly testRows?: number | undefined
  /** Symbols a sequence, T, 10 to 1,000; default 50. */
  readonly length?: number | undefined
  /** 0 to 2³¹ − 1; default 0. */
  readonly seed?: number | undefined
}

const SYMBOLS = 6
const DISTRACTORS = 4
const X = 4
const CLASSES = ['XX', 'XY', 'YX', 'YY']
const MAX_BYTES = 128 * 1024 * 1024
/** So many sequences are drawn before others in the process get their turn. */
const ROWS_A_TURN = 2048

/**
 * The temporal order problem: in a sequence of T symbols 0 to 3 (uniform) two are replaced, at p₁ ~ U{⌊T/10⌋ … ⌊2T/10⌋} and
 * p₂ ~ U{⌊5T/10⌋ … ⌊6T/10⌋}, each by X (4) or Y (5) with probability ½. Class = 2·[the first is Y] + [the second is Y].
 * Features are one-hot, uint8 [rows, T, 6]. A longer draw of the same seed and length begins with the shorter one; the splits are independent.
 * @throws DATASET_INVALID when the features would take more than 128 MiB
 * @see Hochreiter, Schmidhuber, "Long short-term memory", 1997; Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013.
 */
export async function makeTemporalOrder(options: TemporalOrderOptions = {}): Promise<DatasetDraft> {
  const { rows = 10_000, testRows = 1000, length = 50, seed = 0 } = options
  const bytes = (rows + testRows) * length * SYMBOLS
  if (bytes > MAX_BYTES) throw tooLarge(bytes, length)
  const train = await draw(rows, length, makeRandom(seed, 'temporal-order/train').uniform)
  const test = await draw(testRows, length, makeRandom(seed, 'temporal-order/test').uniform)
  return {
    name: 'temporal order',
    source: `builtin:temporal-order?rows=${rows}&testRows=${testRows}&length=${length}&seed=${seed}`,
    schema: {
      exampleShape: [length, SYMBOLS],
      featureType: 'uint8',
      columns: null,
      target: { kind: 'classes', names: CLASSES },
      trainRows: rows,
      testRows,
      classCounts: countClasses(train.labels.values, CLASSES.length),
    },
    tensors: {
      'train.features': train.features,
      'train.labels': train.labels,
      ...(testRows > 0 && { 'test.features': test.features, 'test.labels': test.labels }),
    },
  }
}

async function draw(rows: number, length: number, uniform: () => number) {
  const features = new Uint8Array(rows * length * SYMBOLS)
  const labels = new Int32Array(rows)
  const between = (low: number, high: number) => low + Math.floor(uniform() * (high - low + 1))
  const symbols = new Uint8Array(length)
  for (let row = 0; row < rows; row++) {
    for (let time = 0; time < length; time++) symbols[time] = between(0, DISTRACTORS - 1)
    const first = between(Math.floor(length / 10), Math.floor((2 * length) / 10))
    const second = between(Math.floor((5 * length) / 10), Math.floor((6 * length) / 10))
    const label = between(0, CLASSES.length - 1)
    symbols[first] = X + (label >> 1)
    symbols[second] = X + (label & 1)
    const start = row * length
    for (let time = 0; time < length; time++) features[(start + time) * SYMBOLS + (symbols[time] ?? 0)] = 1
    labels[row] = label
    if (row % ROWS_A_TURN === ROWS_A_TURN - 1) await setImmediate()
  }
  return {
    features: { type: 'uint8', shape: [rows, length, SYMBOLS], values: features } as const,
    labels: { type: 'int32', shape: [rows], values: labels } as const,
  }
}

function tooLarge(bytes: number, length: number) {
  const most = Math.floor(MAX_BYTES / (length * SYMBOLS))
  const detail = `rows and testRows of length ${length} would take ${bytes} bytes; at most ${most} sequences in all are made`
  return problem('DATASET_INVALID', `/source/rows: ${detail}`, [{ pointer: '/source/rows', detail }])
}
