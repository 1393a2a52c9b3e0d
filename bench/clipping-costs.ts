import type { ClippingModeName } from '../src/contracts/clipping-modes.js'
import { cpuClock } from '../src/ml/xla-choice.js'
import { type ClippedSteps, openClipped } from './clipping.js'
import type { BenchModel } from './models.js'
import { summarize, type Timing } from './statistics.js'

/** In one turn; of those that an uneven mode measures in full, it has the share that a long job has. */
const STEPS_A_TURN = 50
const WARM_UP_STEPS = 5

/** By time of day, and by the time that the cores spent on this process, which hardly depends on what else the machine does. */
interface ByClock<T> {
  readonly wall: T
  readonly cpu: T
}
type Times = ByClock<number[]>

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

/**
 * The unclipped step is that of mode `none` without the figures of the ledger: gradients, the norm that tells whether one of them is not finite,
 * optimizer. The steps take turns within a round, so that a slow minute of the machine falls on all of them.
 */
export function measureCosts(
  model: BenchModel,
  { modes, xla, rounds }: { modes: readonly ClippingModeName[]; xla: boolean; rounds: number },
): ClippingCosts {
  const open = (mode: ClippingModeName) => openClipped(model, mode, xla ? 'always' : 'never')
  const opened: ClippedSteps[] = []
  const contestant = (run: (step: number) => void) => ({ run, times: { wall: [], cpu: [] } as Times })
  const contestants = (mode: ClippingModeName) => {
    const steps = open(mode)
    opened.push(steps)
    return { mode, bare: contestant(steps.bare), kept: contestant(steps.kept) }
  }
  try {
    const base = contestants('none')
    const control = contestants('none')
    const compared = modes.map((mode) => (mode === 'none' ? base : contestants(mode)))
    const turns = [base.bare, control.bare, ...compared.flatMap(({ bare, kept }) => [bare, kept])]
    for (let round = 0; round < rounds; round++)
      for (const { run, times } of new Set(round % 2 === 0 ? turns : turns.toReversed())) takeTurn(run, times)
    const shareOf = (a: Times, b: Times): Share => ({
      wall: share(a.wall, b.wall, base.bare.times.wall),
      cpu: share(a.cpu, b.cpu, base.bare.times.cpu),
    })
    return {
      ...{ name: model.name, xla },
      unclipped: { wall: summarize(base.bare.times.wall), cpu: summarize(base.bare.times.cpu) },
      control: shareOf(control.bare.times, base.bare.times),
      modes: compared.map(({ mode, bare, kept }) => ({
        mode,
        clipping: shareOf(bare.times, base.bare.times),
        ledger: shareOf(kept.times, bare.times),
      })),
    }
  } finally {
    for (const steps of opened) steps.close()
  }
}

function takeTurn(run: (step: number) => void, times: Times): void {
  for (let step = 0; step < WARM_UP_STEPS; step++) run(step)
  const wall = performance.now()
  const cpu = cpuClock()
  for (let step = 0; step < STEPS_A_TURN; step++) run(step)
  times.cpu.push((cpuClock() - cpu) / STEPS_A_TURN)
  times.wall.push((performance.now() - wall) / STEPS_A_TURN)
}

/** (a − b) / base */
function share(a: readonly number[], b: readonly number[], base: readonly number[]) {
  const inRounds = a.map((value, round) => (value - (b[round] ?? Number.NaN)) / (base[round] ?? Number.NaN))
  return {
    median: summarize(inRounds).median,
    ofMinima: (Math.min(...a) - Math.min(...b)) / Math.min(...base),
  }
}
