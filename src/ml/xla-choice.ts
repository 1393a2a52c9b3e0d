import type { TrainingJobSpec } from '../contracts/training-job-spec.js'
import type { Session } from './engine/types.js'
import type { Model } from './models/model.js'

/** Compiling costs about a second, which a short job does not earn back. */
const MIN_STEPS = 2000
const ROUNDS = 5
const STEPS_A_ROUND = 4
/**
 * Without convolutions XLA wins nearly always, by 1.2 to 1.7 in networks like LeNet-300-100; the race is there to find the exception. The bar
 * lies below the usual ratios and not among them, so that a job that is run again chooses the same and gives the same bits.
 */
const MAX_SLOWDOWN = 1.1

/** oneDNN beats XLA at convolutions by a factor of two; recurrent layers lose under it, and the first call of an LSTM takes 20 s. */
const PLAIN_LAYERS = /conv|rnn|lstm|gru|bidirectional/

export type XlaPlan = 'plain' | 'xla' | 'race'

/** What `engine.xla` means for a job; `auto` never compiles convolutions and recurrent layers. */
export function planXla(spec: TrainingJobSpec, model: Model, steps: number, batches: number): XlaPlan {
  const { xla } = spec.engine
  if (xla !== 'auto') return xla === 'always' ? 'xla' : 'plain'
  // A job whose every batch is a rest has no full step to compile.
  if (model.layers.some(({ type }) => PLAIN_LAYERS.test(type)) || batches === 0) return 'plain'
  return steps >= MIN_STEPS ? 'race' : 'plain'
}

/**
 * Whether to use the signature `xla`: unless it is clearly slower than `plain`, by the best of several interleaved rounds of each.
 * Afterwards the state is what it was before.
 * @param clock Milliseconds: `cpuClock`, or on a GPU, where the work is not done by this process, the time of day.
 * @param mutable Names of the state that the signatures change.
 */
export function raceXla(
  session: Session,
  signatures: { plain: string; xla: string },
  feeds: Parameters<Session['run']>[1],
  mutable: readonly string[],
  clock: () => number,
): boolean {
  const before = session.get(mutable)
  const best = { plain: Number.POSITIVE_INFINITY, xla: Number.POSITIVE_INFINITY }
  // The first calls build executors and compile.
  session.run(signatures.plain, feeds)
  session.run(signatures.xla, feeds)
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of ['plain', 'xla'] as const) {
      session.set(before)
      const start = clock()
      for (let step = 0; step < STEPS_A_ROUND; step++) session.run(signatures[kind], feeds)
      best[kind] = Math.min(best[kind], clock() - start)
    }
  }
  session.set(before)
  return best.xla <= MAX_SLOWDOWN * best.plain
}

/** Time that the cores spent on this process: unlike the time of day it hardly depends on what else the machine does, and so the choice repeats. */
export function cpuClock(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
