import type { ClippingModeName } from '../src/contracts/clipping-modes.js'
import { cpuClock } from '../src/ml/xla-choice.js'
import { type ClippedSteps, openClipped } from './clipping.js'
import type { BenchModel } from './models.js'
import { summarize, type Timing } from './statistics.js'

/** In a round, for each contestant; in so many steps of a long job, one is measured in full where the mode is uneven. */
const STEPS_A_ROUND = 100
/** Contestants take turns of so many steps, few if they are slow, after one that is not timed: what was moved out of the caches comes back. */
const STEPS_A_TURN = 10
const SLOW_STEPS_A_TURN = 2
const SLOW_MS = 10

/** By time of day, and by the time that the cores spent on this process, which hardly depends on what else the machine does. */
interface ByClock<T> {
  readonly wall: T
  readonly cpu: T
}

/** What something costs as a share of the unclipped step. */
export type Share = ByClock<{
  /** Median over the rounds of the share within a round. */
  readonly median: number
  /** From the best round of each. */
  readonly ofMinima: number
}>

export interface ClippingCosts {
  readonly name: string
  readonly xla: boolean
  /** Milliseconds a step. */
  readonly unclipped: ByClock<Timing>
  /** The unclipped step against itself, compiled anew: what is left is noise. */
  readonly control: Share
  readonly modes: readonly {
    readonly mode: ClippingModeName
    readonly clipping: Share
    /** Its figures in the step, and keeping them. */
    readonly ledger: Share
  }[]
}

/** A step, and milliseconds a step round by round. */
interface Contestant {
  readonly run: (step: number) => void
  readonly times: ByClock<number[]>
}

/**
 * The unclipped step is that of mode `none` without the figures of the ledger: gradients, the norm that tells whether one of them is not finite,
 * optimizer. All take turns within a round, so that a slow minute of the machine falls on all of them.
 */
export function measureCosts(
  model: BenchModel,
  { modes, xla, rounds }: { modes: readonly ClippingModeName[]; xla: boolean; rounds: number },
): ClippingCosts {
  const opened: ClippedSteps[] = []
  const open = (mode: ClippingModeName) => {
    const steps = openClipped(model, mode, xla ? 'always' : 'never')
    opened.push(steps)
    return { mode, bare: contestant(steps.bare), kept: contestant(steps.kept) }
  }
  try {
    const base = open('none')
    const control = open('none').bare
    const compared = modes.map((mode) => (mode === 'none' ? base : open(mode)))
    const contestants = new Set([base.bare, control, ...compared.flatMap(({ bare, kept }) => [bare, kept])])
    // The first calls build the executors; one of the first steps is an exact one.
    for (const { run } of contestants) for (const step of [0, 1]) run(step)
    const began = performance.now()
    base.bare.run(2)
    const turn = performance.now() - began < SLOW_MS ? STEPS_A_TURN : SLOW_STEPS_A_TURN
    for (let round = 0; round < rounds; round++) takeRound([...contestants], turn)
    const shareOf = (a: Contestant, b: Contestant): Share => ({
      wall: share(a.times.wall, b.times.wall, base.bare.times.wall),
      cpu: share(a.times.cpu, b.times.cpu, base.bare.times.cpu),
    })
    return {
      ...{ name: model.name, xla },
      unclipped: { wall: summarize(base.bare.times.wall), cpu: summarize(base.bare.times.cpu) },
      control: shareOf(control, base.bare),
      modes: compared.map(({ mode, bare, kept }) => ({
        mode,
        clipping: shareOf(bare, base.bare),
        ledger: shareOf(kept, bare),
      })),
    }
  } finally {
    for (const steps of opened) steps.close()
  }
}

function contestant(run: (step: number) => void): Contestant {
  return { run, times: { wall: [], cpu: [] } }
}

function takeRound(contestants: readonly Contestant[], turn: number): void {
  const sums = new Map(contestants.map((one) => [one, { wall: 0, cpu: 0 }]))
  for (let from = 0; from < STEPS_A_ROUND; from += turn)
    for (const [{ run }, sum] of sums) {
      run(from)
      const [wall, cpu] = [performance.now(), cpuClock()]
      for (let step = from; step < from + turn; step++) run(step)
      sum.cpu += cpuClock() - cpu
      sum.wall += performance.now() - wall
    }
  for (const [{ times }, { wall, cpu }] of sums) {
    times.wall.push(wall / STEPS_A_ROUND)
    times.cpu.push(cpu / STEPS_A_ROUND)
  }
}

/** (a − b) / base */
function share(a: readonly number[], b: readonly number[], base: readonly number[]) {
  const inRounds = a.map((value, round) => (value - (b[round] ?? Number.NaN)) / (base[round] ?? Number.NaN))
  return {
    median: summarize(inRounds).median,
    ofMinima: (Math.min(...a) - Math.min(...b)) / Math.min(...base),
  }
}
