import { LearningRateSchedule } from '../../../src/contracts/learning-rate-schedule.js'
import type { OptimizerSpec } from '../../../src/contracts/optimizer.js'
import { parse } from '../../../src/contracts/parse.js'
import { learningRateAt } from '../../../src/ml/optimizers/learning-rate.js'
import { expectClose, toleranceOf } from '../compare.js'
import { asNumber, asNumbers, asRecord, asText, type Json } from '../json.js'
import { type CaseRunner, passed, passedWith } from '../outcome.js'

type LearningRate = Pick<OptimizerSpec, 'learningRate' | 'schedule'>

/** Only one-cycle depends on the length of the job, which is then that of the case. */
export const runLearningRates: CaseRunner = ({ kind, input, params, expected, tolerance }) => {
  const spec = kind === 'torch_lr' ? learningRateOfTorch(params) : learningRateOf(params)
  const steps = asNumbers(input.steps)
  const rates = asNumbers(expected.lr)
  steps.forEach((step, i) => {
    const rate = learningRateAt(spec, step, steps.length)
    expectClose(rate, rates[i] ?? Number.NaN, toleranceOf(tolerance), `learning rate at ${step}`)
  })
  return expected.momentum === undefined ? passed : passedWith('Espalier leaves the momentum as it is; torch cycles it')
}

/** A number, or the Keras form of a schedule. */
export function learningRateOf(value: unknown): LearningRate {
  if (typeof value === 'number') return scheduled(value, { kind: 'constant' })
  const { class_name: className, config } = asRecord(value, 'learning_rate')
  const schedule = asRecord(config, 'schedule')
  const { decay_rate: rate, decay_steps: decaySteps, staircase, alpha } = schedule
  const initial = () => asNumber(schedule.initial_learning_rate)
  switch (className) {
    case 'ExponentialDecay':
      return scheduled(initial(), { kind: 'exponential', rate, decaySteps, staircase })
    case 'InverseTimeDecay':
      return scheduled(initial(), { kind: 'inverse-time', rate, decaySteps, staircase })
    case 'PolynomialDecay': {
      const { power, cycle } = schedule
      const finalFraction = asNumber(schedule.end_learning_rate) / initial()
      return scheduled(initial(), { kind: 'polynomial', endStep: decaySteps, finalFraction, power, cycle })
    }
    case 'PiecewiseConstantDecay': {
      const [first = 0, ...values] = asNumbers(schedule.values)
      // Keras still has the old value at the boundary itself.
      const begins = asNumbers(schedule.boundaries).map((boundary) => boundary + 1)
      return pieces(first, begins, values)
    }
    case 'CosineDecay': {
      const warmupSteps = asNumber(schedule.warmup_steps)
      const target = schedule.warmup_target === null ? initial() : asNumber(schedule.warmup_target)
      const endStep = warmupSteps + asNumber(decaySteps)
      const warmup = { warmupSteps, warmupInitialFraction: initial() / target }
      return scheduled(target, { kind: 'cosine', endStep, finalFraction: alpha, ...warmup })
    }
    case 'CosineDecayRestarts': {
      const { first_decay_steps: firstPeriodSteps, t_mul: periodFactor, m_mul: peakFactor } = schedule
      const shape = { firstPeriodSteps, periodFactor, peakFactor, finalFraction: alpha }
      return scheduled(initial(), { kind: 'cosine-restarts', ...shape })
    }
    default:
      throw new Error(`unknown schedule ${asText(className)}`)
  }
}

function learningRateOfTorch(params: Json): LearningRate {
  const config = asRecord(params.config, 'config')
  const base = asNumber(params.base_lr)
  switch (params.class_name) {
    case 'StepLR':
      return scheduled(base, { kind: 'step', everySteps: config.step_size, factor: config.gamma })
    case 'MultiStepLR': {
      const milestones = asNumbers(config.milestones)
      return pieces(
        base,
        milestones,
        milestones.map((_, i) => base * asNumber(config.gamma) ** (i + 1)),
      )
    }
    case 'CosineAnnealingLR': {
      const finalFraction = asNumber(config.eta_min) / base
      return scheduled(base, { kind: 'cosine', endStep: config.T_max, finalFraction, oscillate: true })
    }
    case 'ExponentialLR':
      return scheduled(base, { kind: 'exponential', rate: config.gamma, decaySteps: 1 })
    case 'LinearLR':
      return scheduled(base, {
        kind: 'linear',
        initialFraction: config.start_factor,
        finalFraction: config.end_factor ?? 1,
        endStep: config.total_iters,
      })
    case 'OneCycleLR':
      return scheduled(asNumber(config.max_lr), {
        kind: 'one-cycle',
        ...renamed(config, { pct_start: 'pctStart', div_factor: 'divFactor', final_div_factor: 'finalDivFactor' }),
        ...renamed(config, { three_phase: 'threePhase' }),
        anneal: config.anneal_strategy === 'linear' ? 'linear' : 'cosine',
      })
    default:
      throw new Error(`unknown schedule ${asText(params.class_name)}`)
  }
}

function pieces(first: number, begins: readonly number[], values: readonly number[]): LearningRate {
  return scheduled(first, {
    kind: 'piecewise',
    pieces: begins.map((beginStep, i) => ({ beginStep, fraction: (values[i] ?? Number.NaN) / first })),
  })
}

function renamed(config: Json, names: Readonly<Record<string, string>>): Json {
  const given = Object.entries(names).filter(([theirs]) => config[theirs] !== undefined)
  return Object.fromEntries(given.map(([theirs, ours]) => [ours, config[theirs]]))
}

function scheduled(learningRate: number, schedule: Json): LearningRate {
  const parsed = parse(LearningRateSchedule, schedule)
  if (!parsed.ok) throw new Error(`the contract refuses the schedule: ${JSON.stringify(parsed.errors)}`)
  return { learningRate, schedule: parsed.value }
}
