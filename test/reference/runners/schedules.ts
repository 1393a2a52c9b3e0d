import { parse } from '../../../src/contracts/parse.js'
import { SparsitySchedule as ScheduleSpec } from '../../../src/contracts/pruning.js'
import { makeSparsitySchedule } from '../../../src/ml/pruning/schedules.js'
import { expectClose, expectEqual, expectSame, Mismatch, toleranceOf } from '../compare.js'
import { asList, asNumber, asNumbers, type Json, type ReferenceCase } from '../json.js'
import { type CaseRunner, documentation, type Outcome, passed, passedWith, unsupported } from '../outcome.js'
import { runLearningRates } from './learning-rates.js'

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
    case 'keras_lr':
    case 'torch_lr':
      return runLearningRates(reference, file)
    default:
      return unsupported(kind ?? 'no kind')
  }
}

function ends({ initial, final }: Json) {
  return { initialSparsity: initial, finalSparsity: final }
}

function schedule(spec: Json) {
  const parsed = parse(ScheduleSpec, spec)
  if (!parsed.ok) throw new Mismatch(`the contract refuses the schedule: ${JSON.stringify(parsed.errors)}`)
  return makeSparsitySchedule(parsed.value)
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
  const rows = rowsOf(reference)
  if (rows.filter(({ shouldPrune }) => shouldPrune).length !== 1)
    return unsupported('constant sparsity, updated again and again')
  const beginStep = asNumber(params.begin_step)
  const { isUpdateStep, sparsityAt } = schedule({ kind: 'one-shot', finalSparsity: params.target_sparsity, beginStep })
  for (const { step, shouldPrune, sparsity } of rows) {
    expectEqual(isUpdateStep(step), shouldPrune, `update at ${step}`)
    const effective = step < beginStep ? 0 : sparsity // no mask exists before the first update
    expectClose(sparsityAt(step), effective, toleranceOf(reference.tolerance), `sparsity at ${step}`)
  }
  return passedWith('before beginStep Espalier says 0, tfmot the target')
}

function invalid({ params, expected }: ReferenceCase): Outcome {
  if (expected.error === null) return documentation('tfmot accepts begin = end and gives NaN; Espalier refuses it')
  const isConstant = params.class === 'ConstantSparsity'
  if (isConstant && (params.end_step !== undefined || params.frequency !== undefined)) {
    return unsupported('constant sparsity, updated again and again')
  }
  const spec = isConstant
    ? { kind: 'one-shot', finalSparsity: params.target_sparsity, beginStep: params.begin_step }
    : polynomialSpec(params)
  const parsed = parse(ScheduleSpec, spec)
  if (!parsed.ok) return passed
  try {
    makeSparsitySchedule(parsed.value)
  } catch {
    return passed
  }
  throw new Mismatch(`accepted, where the reference says: ${String(expected.error)}`)
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
