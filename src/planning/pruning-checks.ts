import type { PruningSpec } from '../contracts/pruning.js'
import { CRITERIA } from '../contracts/pruning-criterion.js'
import { removesUnits } from '../contracts/pruning-granularity.js'
import { firstStepOf } from '../contracts/sparsity-schedule.js'
import type { Finding } from './checks.js'
import { matches } from './patterns.js'
import type { NamedModel } from './presets.js'
import { type PrunableWeight, prunableWeights, selectedWeights } from './prunable.js'
import { selectedGroups } from './prunable-groups.js'
import { checkReach, weightPieces } from './pruning-reach.js'
import { checkUnused } from './pruning-unused.js'
import { show } from './shape.js'
import type { LayerDescription } from './shapes.js'
import { type UnitGroup, unitGroups } from './units/groups.js'
import { analyzeUnits } from './units/units.js'

const AT = '/pruning'
const invalid = (pointer: string, detail: string): Finding => ({ code: 'SPEC_INVALID', pointer: AT + pointer, detail })
const outOfRange = (pointer: string, detail: string): Finding => ({
  code: 'SPEC_OUT_OF_RANGE',
  pointer: AT + pointer,
  detail,
})

/** What a pruning spec says against itself, the layers, and the number of steps. */
export function checkPruning(
  spec: PruningSpec | undefined,
  model: NamedModel,
  layers: readonly LayerDescription[],
  steps: number,
): Finding[] {
  if (!spec) return []
  const found = [
    ...checkPatterns(spec, layers),
    ...checkFit(spec, layers),
    ...checkUnused(spec),
    ...checkSchedule(spec, steps),
  ]
  // What is wrong already would come again as units that cannot be found.
  if (found.length > 0) return found
  return removesUnits(spec.granularity) ? checkUnits(spec, model, layers) : checkReach(spec, weightPieces(spec, layers))
}

/** Patterns against the names of layers and weights. */
function checkPatterns(spec: PruningSpec, layers: readonly LayerDescription[]): Finding[] {
  const prunable = prunableWeights(layers)
  const names = [...new Set(prunable.map(({ layer }) => layer))].join(', ')
  const noMatch = (field: 'include' | 'exclude') =>
    spec[field].flatMap((pattern, index) =>
      prunable.some(({ layer, name }) => matches(pattern, layer) || matches(pattern, name))
        ? []
        : [invalid(`/${field}/${index}`, `'${pattern}' matches no layer with a kernel; there are: ${names}`)],
    )
  const found = [...noMatch('include'), ...noMatch('exclude')]
  if (found.length === 0 && selectedWeights(spec, layers).length === 0)
    found.push(invalid('', 'include and exclude together leave no layer to prune'))
  return found
}

/** Criterion, granularity, selection and the rest against each other and the shapes of the weights. */
function checkFit(spec: PruningSpec, layers: readonly LayerDescription[]): Finding[] {
  const { criterion, granularity, layerSparsity, selection, regrow } = spec
  const isUnit = removesUnits(granularity)
  const weights = selectedWeights(spec, layers)
  const found: Finding[] = []
  if (CRITERIA[criterion].scores === 'units' && !isUnit)
    found.push(
      invalid('/criterion', `${criterion} scores whole units: take granularity neuron, filter or unit, or another one`),
    )
  if (criterion === 'wanda') found.push(...checkWanda(weights))
  if (granularity.kind === 'n-of-m') found.push(...checkGroups(granularity, weights, selection.kind))
  if (layerSparsity.min > layerSparsity.max)
    found.push(outOfRange('/layerSparsity/min', `is above max, which is ${layerSparsity.max}`))
  if (selection.kind === 'shrinkage') found.push(...checkShrinkage(spec))
  if (regrow && granularity.kind !== 'element')
    found.push(invalid('/regrow', `exchanges single weights, but granularity is ${granularity.kind}`))
  return found
}

/** That there are units to remove, that the criterion can score them, and that the sparsity leaves one of each group. */
function checkUnits(spec: PruningSpec, model: NamedModel, layers: readonly LayerDescription[]): Finding[] {
  const all = unitGroups(analyzeUnits(model))
  const groups = selectedGroups(spec, layers, all)
  if (groups.length === 0)
    return [invalid('/include', `selects no units that can be removed: ${reasonsOf(spec, layers, all)}`)]
  if (spec.criterion === 'batch-norm-scale') {
    const without = groups.filter(({ units }) =>
      units.some(({ output }) => !output.some(({ weight }) => weight.endsWith('/gamma'))),
    )
    if (without.length > 0)
      return [
        invalid(
          '/criterion',
          `batch-norm-scale needs a batch normalization with scale after ${without.map(({ layers: [name] }) => name).join(', ')}: exclude them, or take another criterion`,
        ),
      ]
  }
  return checkReach(
    spec,
    groups.map(({ layers, units }) => ({ name: layers.join(' + '), pieces: units.length, least: 1 })),
  )
}

/** Why each group of the model is none of those to prune. */
function reasonsOf(spec: PruningSpec, layers: readonly LayerDescription[], groups: readonly UnitGroup[]): string {
  const { kind } = spec.granularity
  return groups
    .map((group) => {
      const name = group.layers.join(' + ')
      const pin = group.units.find(({ pinned }) => pinned !== null)?.pinned
      if (pin) return `${name} stays (${pin})`
      const selects = (changes: Partial<PruningSpec>) =>
        selectedGroups({ ...spec, ...changes }, layers, [group]).length > 0
      if (selects({ include: ['*'], exclude: [] })) return `${name} is left out by include or exclude`
      return `${name} has no units of kind ${kind}`
    })
    .join('; ')
}

/** The input of each connection has to be the input of a layer. */
function checkWanda(weights: readonly PrunableWeight[]): Finding[] {
  const others = weights.filter(({ name }) => !name.endsWith('/kernel')).map(({ name }) => name)
  if (others.length === 0) return []
  return [
    invalid(
      '/criterion',
      `wanda needs what each connection takes, which is not known of ${others.join(', ')}: exclude them, or take another criterion`,
    ),
  ]
}

function checkGroups(
  { keep, of }: { readonly keep: number; readonly of: number },
  weights: readonly PrunableWeight[],
  selection: string,
): Finding[] {
  if (keep >= of) return [outOfRange('/granularity/keep', `must be below of, which is ${of}: nothing would be removed`)]
  if (selection !== 'sparsity')
    return [invalid('/selection', `with n-of-m the number kept of each group is fixed: leave selection out`)]
  return weights.flatMap(({ name, shape, isTransposed }) => {
    const inputs = isTransposed ? shape.at(-1) : shape.at(-2)
    return inputs !== undefined && inputs % of === 0
      ? []
      : [
          invalid(
            '/granularity/of',
            `'${name}' ${show(shape)} has ${inputs ?? 1} inputs (${isTransposed ? 'its last axis' : 'its last axis but one'}), no multiple of ${of}: exclude it, or take another group size`,
          ),
        ]
  })
}

function checkShrinkage({ criterion, granularity, schedule }: PruningSpec): Finding[] {
  const found: Finding[] = []
  const isUnit = removesUnits(granularity)
  const wanted = isUnit ? 'activation' : 'magnitude'
  if (!isUnit && granularity.kind !== 'element')
    found.push(invalid('/granularity', `shrinkage takes single weights or units, not ${granularity.kind}`))
  else if (criterion !== wanted)
    found.push(
      invalid('/criterion', `shrinkage of ${isUnit ? 'units' : 'weights'} goes by ${wanted}, not ${criterion}`),
    )
  if (schedule.kind !== 'one-shot') found.push(invalid('/schedule', 'shrinkage happens once: take kind one-shot'))
  return found
}

/** The schedule against itself, the number of steps, and what else decides how much is removed. */
function checkSchedule(spec: PruningSpec, steps: number): Finding[] {
  const { schedule } = spec
  const found: Finding[] = [...checkTarget(spec), ...checkCompanions(spec)]
  const never = `the job ends with step ${steps - 1}: it would never be reached`
  const at = (field: string) => `/schedule/${field}`
  switch (schedule.kind) {
    case 'one-shot':
      if (schedule.beginStep >= steps) found.push(outOfRange(at('beginStep'), never))
      return found
    case 'constant': {
      const { beginStep, endStep = steps - 1 } = schedule
      if (beginStep >= steps) found.push(outOfRange(at('beginStep'), never))
      else if (beginStep > endStep) found.push(outOfRange(at('beginStep'), `lies after endStep, which is ${endStep}`))
      if (endStep >= steps) found.push(outOfRange(at('endStep'), never))
      return found
    }
    case 'multi-step':
      return [...found, ...checkMilestones(schedule.milestones, steps)]
    case 'iterative': {
      const last = schedule.beginStep + (schedule.rounds - 1) * schedule.stepsPerRound
      if (last >= steps)
        found.push(
          outOfRange(at('rounds'), `the last round begins at step ${last}, but the job ends with step ${steps - 1}`),
        )
      return found
    }
    default:
      if (schedule.beginStep >= schedule.endStep)
        found.push(outOfRange(at('beginStep'), `must lie before endStep, which is ${schedule.endStep}`))
      if (schedule.initialSparsity > schedule.finalSparsity)
        found.push(outOfRange(at('initialSparsity'), `is above finalSparsity: removed weights never come back`))
      if (schedule.endStep >= steps) found.push(outOfRange(at('endStep'), never))
      return found
  }
}

/** Exactly one of schedule, granularity and selection says how much is removed. */
function checkTarget({ schedule, granularity, selection }: PruningSpec): Finding[] {
  const decides =
    granularity.kind === 'n-of-m'
      ? 'granularity n-of-m'
      : selection.kind === 'sparsity'
        ? null
        : `selection ${selection.kind}`
  const isOpen = schedule.kind === 'one-shot' || schedule.kind === 'constant'
  if (decides !== null && !isOpen)
    return [invalid('/schedule/kind', `with ${decides} the schedule only says when: take one-shot or constant`)]
  if (!isOpen) return []
  if (decides !== null && schedule.finalSparsity !== undefined)
    return [invalid('/schedule/finalSparsity', `${decides} says what is removed: leave it out`)]
  if (decides === null && schedule.finalSparsity === undefined)
    return [invalid('/schedule/finalSparsity', 'is required: it says how much is removed')]
  return []
}

/** What needs a schedule of a certain kind, or steps before it. */
function checkCompanions({ schedule, regrow, rewind, criterion, selection }: PruningSpec): Finding[] {
  const found: Finding[] = []
  const first = firstStepOf(schedule)
  if (regrow && schedule.kind !== 'constant')
    found.push(invalid('/regrow', `exchanges weights at a sparsity that stays: take schedule constant`))
  if (regrow && selection.kind !== 'sparsity')
    found.push(invalid('/regrow', `exchanges weights at a sparsity that stays: leave selection out`))
  if (regrow && rewind)
    found.push(invalid('/rewind', 'a weight that comes back has no earlier value: leave regrow out'))
  if (rewind && selection.kind === 'shrinkage')
    found.push(invalid('/rewind', 'would undo the shrinkage: leave one of them out'))
  if (rewind && rewind.toStep > first)
    found.push(outOfRange('/rewind/toStep', `must not lie after the first mask update, which is at step ${first}`))
  if (CRITERIA[criterion].needs === 'training' && first === 0)
    found.push(
      outOfRange(
        '/schedule',
        `${criterion} sums over the steps before an update: the first one must come after step 0`,
      ),
    )
  return found
}

function checkMilestones(milestones: readonly { step: number; sparsity: number }[], steps: number): Finding[] {
  return milestones.flatMap(({ step, sparsity }, index) => {
    const at = `/schedule/milestones/${index}`
    const former = milestones[index - 1]
    if (step >= steps)
      return [outOfRange(`${at}/step`, `the job ends with step ${steps - 1}: it would never be reached`)]
    if (former && step <= former.step)
      return [outOfRange(`${at}/step`, `must be later than that before, ${former.step}`)]
    if (former && sparsity < former.sparsity)
      return [outOfRange(`${at}/sparsity`, `is below that before, ${former.sparsity}: removed weights never come back`)]
    return []
  })
}
