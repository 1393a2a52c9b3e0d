import type { Latency } from '../contracts/pruning-report.js'
import type { StoredTensors } from '../formats/safetensors.js'
import type { Network } from './certificate.js'
import type { Session } from './engine/types.js'
import { openPredictor } from './predict.js'

/** Odd, so that the median is one of the values; the order statistics 14 and 28 bound it with a confidence of 95 %. */
const ROUNDS = 41
const LOW = 13
const HIGH = 27
const WARM_UPS = 3
/** Long enough for the clock, short enough for a round to fall into one mood of the machine. */
const ROUND_MS = 5
const MAX_CALLS = 200

/**
 * Time of one call of both networks at each batch size, in rounds in which they take turns, so that a slow moment of the machine falls on
 * both. The ratio is taken within each round.
 */
export function compareLatency(
  dense: Network,
  compact: Network,
  examples: StoredTensors,
  batches: readonly number[],
): Latency[] {
  const rows = examples['data/features']?.shape[0] ?? 0
  const fitting = batches.filter((batch) => batch <= rows)
  const sessions = [dense, compact].map(({ model, weights }) => openPredictor(model, weights, examples, fitting))
  try {
    return fitting.map((batch) => measure(batch, sessions))
  } finally {
    for (const session of sessions) session.close()
  }
}

function measure(batch: number, [dense, compact]: readonly Session[]): Latency {
  const feeds = { rows: Int32Array.from({ length: batch }, (_, row) => row) }
  const callOf = (session: Session | undefined) => () => session?.run(`predict-${batch}`, feeds)
  const timers = [callOf(dense), callOf(compact)].map(makeTimer)
  const rounds = Array.from({ length: ROUNDS }, () => timers.map((time) => time()))
  const of = (values: readonly number[]) => summary(values)
  const denseMs = of(rounds.map(([first = 0]) => first))
  const compactMs = of(rounds.map(([, second = 0]) => second))
  const speedup = of(rounds.map(([first = 0, second = 0]) => first / second))
  return { batch, rounds: ROUNDS, denseMs, compactMs, speedup, verdict: verdictOf(speedup) }
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
  return { median: at((ROUNDS - 1) / 2), low: at(LOW), high: at(HIGH) }
}

function verdictOf({ median, low, high }: Latency['speedup']): string {
  if (low > 1) return `faster ×${median.toFixed(2)}`
  if (high < 1) return `slower ×${median.toFixed(2)}`
  return 'no measurable gain'
}
