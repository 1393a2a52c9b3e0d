import { parse } from '../../../src/contracts/parse.js'
import { SparsitySchedule as ScheduleSpec } from '../../../src/contracts/sparsity-schedule.js'
import { exchangeShare } from '../../../src/ml/pruning/regrow.js'
import { makeSparsitySchedule } from '../../../src/ml/pruning/schedules.js'
import { expectClose, expectEqual, expectSame, Mismatch, toleranceOf } from '../compare.js'
import { asList, asNumber, asNumbers, asRecord, type Json, type ReferenceCase } from '../json.js'
import { type CaseRunner, documentation, type Outcome, passed, passedWith, unsupported } from '../outcome.js'
import { runLearningRates } from './learning-rates.js'

/** Of a job that lasts longer than any step of a case. */
const CONTEXT = { steps: 1_000_000, sparsity: 0 }

export const runSchedules: CaseRunner = (reference, file) => {
  const { kind, params } = reference
  switch (kind) {
    case 'polynomial_decay_sparsity':
      return polynomialRows(reference)
    case 'constant_sparsity':
      return constantRows(reference)
    case 'invalid':
      return invalid(reference)
    case 'zhu_gupta_cubic': {
      const beginStep = asNumber(params.t0)
      const frequency = asNumber(params.delta_t)
      const endStep = beginStep + asNumber(params.n) * frequency
      return sparsities(reference, { ...ends(params), beginStep, endStep, frequency, power: 3 })
    }
    case 'linear_sparsity':
      return sparsities(reference, { ...ends(params), beginStep: 0, endStep: params.total, frequency: 1, power: 1 })
    case 'exponential_sparsity':
      return sparsities(reference, { kind: 'exponential', ...span(params) })
    case 'cosine_sparsity':
      return sparsities(reference, { kind: 'cosine', ...span(params) })
    case 'multi_step_sparsity': {
      const milestones = Object.entries(asRecord(params.steps)).map(([step, sparsity]) => ({
        step: Number(step),
        sparsity,
      }))
      return sparsities(reference, { kind: 'multi-step', milestones })
    }
    case 'iterative_fraction':
      return rounds(
        reference,
        asNumbers(reference.expected.kept_fraction),
        (round) => (1 - asNumber(params.fraction)) ** round,
      )
    case 'synflow_density':
      return synflowDensities(reference)
    case 'rigl_drop_cosine':
      return exchanged(reference)
    case 'keras_lr':
    case 'torch_lr':
      return runLearningRates(reference, file)
    default:
      return unsupported(kind ?? 'no kind')
  }
}

function span(params: Json) {
  return { ...ends(params), beginStep: 0, endStep: params.total, frequency: 1 }
}

/** After round k of n rounds of 1 − (1 − fraction)^n in all. The list begins before the first round. */
function rounds({ tolerance }: ReferenceCase, kept: readonly number[], finalOf: (rounds: number) => number): Outcome {
  const count = kept.length - 1
  const { sparsityAt } = schedule({
    ...{ kind: 'iterative', finalSparsity: 1 - finalOf(count), rounds: count, beginStep: 1, stepsPerRound: 1 },
  })
  kept.forEach((share, round) => {
    expectClose(1 - sparsityAt(round), share, toleranceOf(tolerance), `kept after round ${round}`)
  })
  return passed
}

function synflowDensities({ params, expected, tolerance }: ReferenceCase): Outcome {
  const densities = asNumbers(expected.density)
  const finalSparsity = 1 - asNumber(params.final_density)
  const { sparsityAt } = schedule({
    ...{ kind: 'iterative', finalSparsity, rounds: densities.length, beginStep: 0, stepsPerRound: 1 },
  })
  densities.forEach((density, round) => {
    expectClose(1 - sparsityAt(round), density, toleranceOf(tolerance), `density after round ${round}`)
  })
  return passed
}

function exchanged({ input, params, expected, tolerance }: ReferenceCase): Outcome {
  const options = { fraction: asNumber(params.initial), decay: 'cosine' as const }
  const shares = asNumbers(expected.drop_fraction)
  asNumbers(input.steps).forEach((step, i) => {
    const share = exchangeShare(options, { step, begin: 0, end: asNumber(params.end) })
    expectClose(share, shares[i] ?? Number.NaN, toleranceOf(tolerance), `share at ${step}`)
  })
  return passed
}

function ends({ initial, final }: Json) {
  return { initialSparsity: initial, finalSparsity: final }
}

function schedule(spec: Json) {
  const parsed = parse(ScheduleSpec, spec)
  if (!parsed.ok) throw new Mismatch(`the contract refuses the schedule: ${JSON.stringify(parsed.errors)}`)
  return makeSparsitySchedule(parsed.value, CONTEXT)
}

function sparsities({ input, expected, tolerance }: ReferenceCase, spec: Json): Outcome {
  const { isUpdateStep, sparsityAt } = schedule({ kind: 'polynomial', ...spec })
  const steps = asNumbers(input.steps)
  const values = asNumbers(expected.sparsity)
  steps.forEach((step, i) => {
    expectClose(sparsityAt(step), values[i] ?? Number.NaN, toleranceOf(tolerance), `sparsity at ${step}`)
  })
  if (expected.update_steps !== undefined) {
    expectSame(steps.filter(isUpdateStep), asNumbers(expected.update_steps), 'update steps')
  }
  return passed
}

/** Equal to tfmot but for one published difference: Espalier always updates at endStep, so that the final sparsity is reached. */
function polynomialRows(reference: ReferenceCase): Outcome {
  const { params } = reference
  const endStep = asNumber(params.end_step)
  const { isUpdateStep, sparsityAt } = schedule(polynomialSpec(params))
  let differs = false
  for (const { step, shouldPrune, sparsity } of rowsOf(reference)) {
    expectClose(sparsityAt(step), sparsity, toleranceOf(reference.tolerance), `sparsity at ${step}`)
    expectEqual(isUpdateStep(step), shouldPrune || step === endStep, `update at ${step}`)
    differs ||= step === endStep && !shouldPrune
  }
  return differs ? passedWith('Espalier also updates at endStep, tfmot never reaches it') : passed
}

function constantRows(reference: ReferenceCase): Outcome {
  const { params } = reference
  const { isUpdateStep, sparsityAt } = schedule(constantSpec(params))
  for (const { step, shouldPrune, sparsity } of rowsOf(reference)) {
    expectEqual(isUpdateStep(step), shouldPrune, `update at ${step}`)
    const effective = step < asNumber(params.begin_step) ? 0 : sparsity // no mask exists before the first update
    expectClose(sparsityAt(step), effective, toleranceOf(reference.tolerance), `sparsity at ${step}`)
  }
  return passedWith('before beginStep Espalier says 0, tfmot the target')
}

/** @see `checkPruning` for what the schema of a schedule by itself cannot refuse. */
function invalid({ params, expected }: ReferenceCase): Outcome {
  if (expected.error === null) return documentation('tfmot accepts begin = end and gives NaN; Espalier refuses it')
  const spec = params.class === 'ConstantSparsity' ? constantSpec(params) : polynomialSpec(params)
  const parsed = parse(ScheduleSpec, spec)
  if (!parsed.ok) return passed
  try {
    makeSparsitySchedule(parsed.value, CONTEXT)
  } catch {
    return passed
  }
  throw new Mismatch(`accepted, where the reference says: ${String(expected.error)}`)
}

/** An end of −1 is none. */
function constantSpec(params: Json): Json {
  const { target_sparsity: finalSparsity, begin_step: beginStep, end_step: endStep, frequency } = params
  return {
    ...{ kind: 'constant', finalSparsity, beginStep },
    ...(endStep === undefined || endStep === -1 ? {} : { endStep }),
    ...(frequency === undefined ? {} : { frequency }),
  }
}

function polynomialSpec(params: Json): Json {
  const { initial_sparsity: initialSparsity, final_sparsity: finalSparsity } = params
  const { begin_step: beginStep, end_step: endStep, frequency, power } = params
  const optional = { ...(frequency === undefined ? {} : { frequency }), ...(power === undefined ? {} : { power }) }
  return { kind: 'polynomial', initialSparsity, finalSparsity, beginStep, endStep, ...optional }
}

function rowsOf({ input, expected }: ReferenceCase) {
  const rows = asList(expected.rows, 'rows')
  return asNumbers(input.steps).map((step, i) => {
    const [shouldPrune, sparsity] = asList(rows[i], 'row')
    return { step, shouldPrune: shouldPrune === true, sparsity: asNumber(sparsity) }
  })
}
