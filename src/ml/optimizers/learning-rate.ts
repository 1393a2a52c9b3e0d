import type { LearningRateSchedule, ScheduleOf } from '../../contracts/learning-rate-schedule.js'
import type { OptimizerSpec } from '../../contracts/optimizer.js'

interface Moment {
  readonly step: number
  /** Of the job. */
  readonly steps: number
  readonly learningRate: number
  /** See `nextPlateau`. */
  readonly plateauFactor: number
}

/**
 * Learning rate of `step` (an update of the weights, from 0) in a job of `steps` steps, by the formulas of the contract. During a warm-up of W steps
 * it is the rate at step W, times a straight line from `warmupInitialFraction` at step 0 to 1 at step W. `plateauFactor`, in (0, 1], is the factor of
 * the plateau schedule's state.
 * @see Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017 (cosine, cosine-restarts); Smith, Topin, "Super-convergence",
 * 2018 (one-cycle); Goyal et al., "Accurate, large minibatch SGD", 2017 (warm-up); `keras.optimizers.schedules`, `torch.optim.lr_scheduler`.
 */
export function learningRateAt(
  { learningRate, schedule }: Pick<OptimizerSpec, 'learningRate' | 'schedule'>,
  step: number,
  steps: number,
  plateauFactor = 1,
): number {
  const rateAt = (at: number) => learningRate * shareOf(schedule, { step: at, steps, learningRate, plateauFactor })
  const { warmupSteps: warmup, warmupInitialFraction: initial } = warmupOf(schedule)
  return step >= warmup ? rateAt(step) : rateAt(warmup) * (initial + ((1 - initial) * step) / warmup)
}

function warmupOf(schedule: LearningRateSchedule) {
  return 'warmupSteps' in schedule ? schedule : { warmupSteps: 0, warmupInitialFraction: 0 }
}

/** Share of the learning rate, at or after the end of the warm-up. */
const shares = {
  constant: () => 1,
  step: ({ warmupSteps, everySteps, factor }, { step }) => factor ** Math.floor((step - warmupSteps) / everySteps),
  piecewise: ({ pieces }, { step }) => pieces.findLast(({ beginStep }) => beginStep <= step)?.fraction ?? 1,
  exponential: (schedule, moment) => schedule.rate ** decaysOf(schedule, moment),
  'inverse-time': (schedule, moment) => 1 / (1 + schedule.rate * decaysOf(schedule, moment)),
  cosine(schedule, moment) {
    const progress = progressOf(schedule, moment)
    return between(schedule.finalFraction, 1, cosine(schedule.oscillate ? progress : Math.min(progress, 1)))
  },
  'cosine-restarts'({ warmupSteps, firstPeriodSteps, periodFactor, peakFactor, finalFraction }, { step }) {
    const { period, progress } = periodAt((step - warmupSteps) / firstPeriodSteps, periodFactor)
    return between(finalFraction, 1, peakFactor ** period * cosine(progress))
  },
  polynomial(schedule, moment) {
    const progress = progressOf(schedule, moment)
    const length = schedule.cycle ? Math.max(1, Math.ceil(progress)) : 1
    return between(schedule.finalFraction, 1, (1 - Math.min(progress / length, 1)) ** schedule.power)
  },
  linear: (schedule, moment) =>
    between(schedule.initialFraction, schedule.finalFraction, Math.min(progressOf(schedule, moment), 1)),
  'one-cycle': oneCycle,
  plateau: ({ minLearningRate }, { learningRate, plateauFactor }) =>
    Math.max(plateauFactor, Math.min(minLearningRate / learningRate, 1)),
} satisfies { [Kind in LearningRateSchedule['kind']]: (schedule: ScheduleOf<Kind>, moment: Moment) => number }

function shareOf(schedule: LearningRateSchedule, moment: Moment): number {
  // The function of a kind takes schedules of that kind.
  const share = shares[schedule.kind] as (schedule: LearningRateSchedule, moment: Moment) => number
  return share(schedule, moment)
}

const between = (from: number, to: number, share: number) => from + (to - from) * share
/** From 1 at 0 to 0 at 1. */
const cosine = (progress: number) => (1 + Math.cos(Math.PI * progress)) / 2

function decaysOf(
  { warmupSteps, decaySteps, staircase }: ScheduleOf<'exponential' | 'inverse-time'>,
  { step }: Moment,
) {
  const decays = (step - warmupSteps) / decaySteps
  return staircase ? Math.floor(decays) : decays
}

/** 0 up to beginStep (or the end of the warm-up, if that is later), 1 at endStep, and beyond that more. */
function progressOf(schedule: ScheduleOf<'cosine' | 'polynomial' | 'linear'>, { step, steps }: Moment): number {
  const { endStep = steps } = schedule
  const beginStep = Math.max(schedule.beginStep, warmupOf(schedule).warmupSteps)
  if (beginStep >= endStep) return step < endStep ? 0 : 1
  return Math.max(0, (step - beginStep) / (endStep - beginStep))
}

/** Which period (from 0) the time lies in, and the share of it that has passed; the first period takes time 1, each other `factor` times its predecessor. */
function periodAt(time: number, factor: number): { period: number; progress: number } {
  const growth = Math.log(factor)
  const startOf = (period: number) => (factor === 1 ? period : (factor ** period - 1) / (factor - 1))
  let period = Math.floor(factor === 1 ? time : Math.log1p(time * (factor - 1)) / growth)
  // The logarithm may be off by its last bit, which matters where a period begins.
  if (startOf(period + 1) <= time) period++
  else if (startOf(period) > time) period--
  const begin = startOf(period)
  return { period, progress: (time - begin) / (startOf(period + 1) - begin) }
}

/** Phases as in torch: their ends are not rounded to whole steps. */
function oneCycle(schedule: ScheduleOf<'one-cycle'>, { step, steps }: Moment): number {
  const { pctStart, divFactor, finalDivFactor, anneal, threePhase } = schedule
  const low = 1 / divFactor
  const final = low / finalDivFactor
  const rise = pctStart * steps - 1
  const phases = threePhase
    ? ([
        [rise, low, 1],
        [2 * rise, 1, low],
        [steps - 1, low, final],
      ] as const)
    : ([
        [rise, low, 1],
        [steps - 1, 1, final],
      ] as const)
  let begin = 0
  for (const [end, from, to] of phases) {
    if (step <= end) {
      const progress = end > begin ? (step - begin) / (end - begin) : 1
      return anneal === 'cosine' ? between(to, from, cosine(progress)) : between(from, to, progress)
    }
    begin = Math.max(end, 0)
  }
  return final
}
