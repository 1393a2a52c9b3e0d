import type { Latency } from '../contracts/pruning-report.js'
import type { StoredTensors } from '../formats/safetensors.js'
import type { Network } from './certificate.js'
import type { Session } from './engine/types.js'
import { openPredictor } from './predict.js'

/** Odd, so that the median is one of the values. */
const ROUNDS = 41
const WARM_UPS = 3
/** Long enough for the clock, short enough for a round to fall into one mood of the machine. */
const ROUND_MS = 5
const MAX_CALLS = 200

/**
 * Time of one call of both networks at each batch size, in rounds in which they take turns, so that a slow moment of the machine falls on
 * both. The ratio is taken within each round. Batches that have more rows than there are examples are left out.
 */
export function compareLatency(
  dense: Network,
  compact: Network,
  examples: StoredTensors,
  { batches, rounds = ROUNDS }: { readonly batches: readonly number[]; readonly rounds?: number },
): Latency[] {
  const rows = examples['data/features']?.shape[0] ?? 0
  const fitting = batches.filter((batch) => batch <= rows)
  const sessions = [dense, compact].map(({ model, weights }) => openPredictor(model, weights, examples, fitting))
  try {
    return fitting.map((batch) => measure(batch, rounds, sessions))
  } finally {
    for (const session of sessions) session.close()
  }
}

/**
 * What the milliseconds a call of both networks in the same rounds say. The intervals are those between two order statistics that hold the
 * median with a confidence of 95 % whatever the distribution; of fewer than 6 rounds, from the least to the greatest.
 * @throws RangeError if there is no round, or both did not take part in each.
 */
export function summarizeLatency(batch: number, dense: readonly number[], compact: readonly number[]): Latency {
  if (dense.length === 0 || dense.length !== compact.length)
    throw new RangeError(`${dense.length} rounds cannot be compared with ${compact.length}`)
  const speedup = summary(dense.map((value, round) => value / (compact[round] ?? Number.NaN)))
  return {
    ...{ batch, rounds: dense.length, denseMs: summary(dense), compactMs: summary(compact), speedup },
    verdict: verdictOf(speedup),
  }
}

function measure(batch: number, rounds: number, [dense, compact]: readonly Session[]): Latency {
  const feeds = { rows: Int32Array.from({ length: batch }, (_, row) => row) }
  const callOf = (session: Session | undefined) => () => session?.run(`predict-${batch}`, feeds)
  const timers = [callOf(dense), callOf(compact)].map(makeTimer)
  const times = Array.from({ length: rounds }, () => timers.map((time) => time()))
  return summarizeLatency(
    batch,
    times.map(([first = 0]) => first),
    times.map(([, second = 0]) => second),
  )
}

/** Milliseconds a call, over as many calls as fill a round. */
function makeTimer(call: () => void): () => number {
  for (let i = 0; i < WARM_UPS; i++) call()
  const calls = Math.min(MAX_CALLS, Math.max(1, Math.ceil(ROUND_MS / timed(call, 1))))
  return () => timed(call, calls)
}

function timed(call: () => void, calls: number): number {
  const begin = performance.now()
  for (let i = 0; i < calls; i++) call()
  return (performance.now() - begin) / calls
}

function summary(values: readonly number[]): Latency['speedup'] {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (index: number) => sorted[index] ?? Number.NaN
  const last = sorted.length - 1
  const rank = intervalRank(sorted.length)
  return { median: (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2, low: at(rank), high: at(last - rank) }
}

/**
 * The largest r, from 0, for which at most r of `count` values lie below their median with a probability of at most 2.5 %: their number is binomial with
 * 1/2.
 */
function intervalRank(count: number): number {
  let probability = 2 ** -count
  let below = 0
  let rank = 0
  for (let r = 0; r < count; r++) {
    below += probability
    if (below > 0.025) break
    rank = r
    probability *= (count - r) / (r + 1)
  }
  return rank
}

function verdictOf({ median, low, high }: Latency['speedup']): string {
  if (low > 1) return `faster ×${median.toFixed(2)}`
  if (high < 1) return `slower ×${median.toFixed(2)}`
  return 'no measurable gain'
}
