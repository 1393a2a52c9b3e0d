import type { ClippingModeName } from '../src/contracts/clipping-modes.js'
import { cpuClock } from '../src/ml/xla-choice.js'
import { type ClippedSteps, openClipped } from './clipping.js'
import type { BenchModel } from './models.js'
import { summarize, type Timing } from './statistics.js'

/** Rounds on the same sessions. */
const ROUNDS_A_COMPILATION = 3
/** In a round, for each contestant. Step 0, in which an uneven mode is measured in full, is timed by itself and weighs as in a long job. */
const STEPS_A_ROUND = 40
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

/** Milliseconds a step, round by round. */
type Times = ByClock<number[]>

/** What takes turns: two unclipped steps, and for each mode its step without and with the ledger. */
interface Contestants<T> {
  readonly base: T
  readonly control: T
  readonly modes: readonly { readonly bare: T; readonly kept: T }[]
}

/**
 * The unclipped step is that of mode `none` without the figures of the ledger: gradients, the norm that tells whether one of them is not finite,
 * optimizer. All take turns within a round, so that a slow minute of the machine falls on all of them, and are compiled anew for every few rounds, because
 * where a session finds its memory makes it some percent faster or slower for as long as it lives.
 */
export function measureCosts(
  model: BenchModel,
  { modes, xla, rounds }: { modes: readonly ClippingModeName[]; xla: boolean; rounds: number },
): ClippingCosts {
  const none = (): Times => ({ wall: [], cpu: [] })
  const times: Contestants<Times> = {
    ...{ base: none(), control: none() },
    modes: modes.map((mode) => ({ mode, bare: none(), kept: none() })),
  }
  for (let begin = 0; begin < rounds; begin += ROUNDS_A_COMPILATION)
    withSteps(model, modes, xla, (steps) =>
      takeRounds(listed(steps), listed(times), Math.min(ROUNDS_A_COMPILATION, rounds - begin)),
    )
  const shareOf = (a: Times, b: Times): Share => ({
    wall: share(a.wall, b.wall, times.base.wall),
    cpu: share(a.cpu, b.cpu, times.base.cpu),
  })
  return {
    ...{ name: model.name, xla },
    unclipped: { wall: summarize(times.base.wall), cpu: summarize(times.base.cpu) },
    control: shareOf(times.control, times.base),
    modes: times.modes.map(({ bare, kept }, index) => ({
      mode: modes[index] ?? 'none',
      clipping: shareOf(bare, times.base),
      ledger: shareOf(kept, bare),
    })),
  }
}

interface Step {
  run(step: number): void
  /** In every how many steps of a job everything is measured. */
  readonly measuredEvery: number
}

function withSteps(
  model: BenchModel,
  modes: readonly ClippingModeName[],
  xla: boolean,
  use: (steps: Contestants<Step>) => void,
): void {
  const opened: ClippedSteps[] = []
  const open = (mode: ClippingModeName) => {
    const steps = openClipped(model, mode, xla ? 'always' : 'never')
    opened.push(steps)
    const { bare, kept, measuredEvery } = steps
    return { bare: { run: bare, measuredEvery: Number.POSITIVE_INFINITY }, kept: { run: kept, measuredEvery } }
  }
  try {
    use({ base: open('none').bare, control: open('none').bare, modes: modes.map(open) })
  } finally {
    for (const steps of opened) steps.close()
  }
}

function listed<T>({ base, control, modes }: Contestants<T>): T[] {
  return [base, control, ...modes.flatMap(({ bare, kept }) => [bare, kept])]
}

function takeRounds(steps: readonly Step[], times: readonly Times[], rounds: number): void {
  // The first calls build the executors; one of the first steps is an exact one.
  for (const { run } of steps) for (const step of [0, 1]) run(step)
  const began = performance.now()
  steps[0]?.run(2)
  const turn = performance.now() - began < SLOW_MS ? STEPS_A_TURN : SLOW_STEPS_A_TURN
  for (let round = 0; round < rounds; round++) takeRound(steps, times, turn)
}

function takeRound(steps: readonly Step[], times: readonly Times[], turn: number): void {
  const sums = steps.map(() => ({ wall: 0, cpu: 0 }))
  for (let from = 1; from <= STEPS_A_ROUND; from += turn)
    steps.forEach(({ run }, index) => {
      const { wall, cpu } = timed(run, from, turn)
      const sum = sums[index] ?? { wall: 0, cpu: 0 }
      sum.wall += wall
      sum.cpu += cpu
    })
  steps.forEach(({ run, measuredEvery }, index) => {
    const share = 1 / measuredEvery
    const full = share > 0 ? timed(run, 0, 1) : { wall: 0, cpu: 0 }
    for (const clock of ['wall', 'cpu'] as const) {
      const usual = (sums[index]?.[clock] ?? Number.NaN) / STEPS_A_ROUND
      times[index]?.[clock].push((1 - share) * usual + share * full[clock])
    }
  })
}

/** Of `count` steps, after one that is not timed. */
function timed(run: Step['run'], from: number, count: number): ByClock<number> {
  run(from)
  const [wall, cpu] = [performance.now(), cpuClock()]
  for (let step = from; step < from + count; step++) run(step)
  return { cpu: cpuClock() - cpu, wall: performance.now() - wall }
}

/** (a − b) / base */
function share(a: readonly number[], b: readonly number[], base: readonly number[]) {
  const inRounds = a.map((value, round) => (value - (b[round] ?? Number.NaN)) / (base[round] ?? Number.NaN))
  return {
    median: summarize(inRounds).median,
    ofMinima: (Math.min(...a) - Math.min(...b)) / Math.min(...base),
  }
}
