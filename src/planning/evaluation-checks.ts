import type { DatasetSchema } from '../contracts/dataset.js'
import { OPTION_LOSSES } from '../contracts/loss.js'
import { type Finding, invalid, outOfRange } from './finding.js'
import type { PlannedSpec } from './planned-spec.js'

/** Options of the loss, class weights, the rows held out, and what watches their figures, against spec and data. */
export function checkEvaluation(spec: PlannedSpec, dataset: DatasetSchema): Finding[] {
  return [
    ...checkLossOptions(spec),
    ...checkClassWeights(spec, dataset),
    ...checkHeldOut(spec, dataset),
    ...checkMonitor(spec, '/earlyStopping/monitor', spec.earlyStopping?.monitor),
    ...checkMonitor(spec, '/checkpoints/best/monitor', spec.checkpoints.best?.monitor),
    ...checkSampling(spec, dataset),
  ]
}

function checkLossOptions({ loss, lossOptions }: PlannedSpec): Finding[] {
  return (['labelSmoothing', 'huberDelta'] as const).flatMap((option) =>
    lossOptions[option] !== undefined && !OPTION_LOSSES[option].includes(loss)
      ? [
          invalid(
            `/lossOptions/${option}`,
            `${loss} has no such option; it belongs to ${OPTION_LOSSES[option].join(', ')}`,
          ),
        ]
      : [],
  )
}

function checkClassWeights({ classWeights }: PlannedSpec, { target, classCounts }: DatasetSchema): Finding[] {
  if (classWeights === undefined) return []
  if (target.kind !== 'classes')
    return [invalid('/classWeights', `needs class labels; the target of the dataset is of kind ${target.kind}`)]
  if (classWeights === 'balanced') return []
  if (classWeights.length !== target.names.length)
    return [
      invalid('/classWeights', `${classWeights.length} weights for ${target.names.length} classes; give one a class`),
    ]
  return classWeights.every((weight, label) => weight === 0 || classCounts?.[label] === 0)
    ? [outOfRange('/classWeights', 'every class that has rows has weight 0: nothing would be learned; raise one')]
    : []
}

function checkHeldOut(spec: PlannedSpec, dataset: DatasetSchema): Finding[] {
  const { fraction, folds, fold, stratified, everySteps } = spec.validation
  const found: Finding[] = []
  if (!holdsOut(spec)) {
    if (stratified)
      found.push(invalid('/validation/stratified', `no rows are held out, so there is nothing to stratify; ${REMEDY}`))
    if (everySteps !== undefined && !watchesTraining(spec))
      found.push(invalid('/validation/everySteps', `no rows are held out, so there is nothing to evaluate; ${REMEDY}`))
  }
  if (folds !== undefined && fraction > 0)
    found.push(invalid('/validation/folds', 'give either fraction or folds, not both'))
  if (folds === undefined && fold !== undefined)
    found.push(invalid('/validation/fold', 'needs /validation/folds: set it, or leave fold out'))
  if (folds !== undefined && (fold ?? 0) >= folds)
    found.push(outOfRange('/validation/fold', `must be below folds, which is ${folds}; folds count from 0`))
  if (folds !== undefined && folds > dataset.trainRows)
    found.push(
      outOfRange('/validation/folds', `the dataset has only ${dataset.trainRows} rows; give at most as many folds`),
    )
  return stratified ? [...found, ...checkStrata(spec, dataset)] : found
}

const REMEDY = 'set /validation/fraction or /validation/folds'

function holdsOut({ validation: { fraction, folds } }: PlannedSpec): boolean {
  return fraction > 0 || folds !== undefined
}

/** Whether something looks at the loss of training whenever an evaluation is due. */
function watchesTraining({ earlyStopping, checkpoints, optimizer }: PlannedSpec): boolean {
  return earlyStopping !== undefined || checkpoints.best !== undefined || optimizer.schedule.kind === 'plateau'
}

function checkStrata({ validation }: PlannedSpec, { target, classCounts, trainRows: rows }: DatasetSchema): Finding[] {
  const { folds, fraction } = validation
  const at = '/validation/stratified'
  if (target.kind !== 'classes')
    return [invalid(at, `needs class labels; the target of the dataset is of kind ${target.kind}`)]
  const counts = (classCounts ?? []).map((count, index) => ({ count, name: target.names[index] ?? String(index) }))
  const occurring = counts.filter(({ count }) => count > 0)
  if (counts.length > 0 && occurring.length < 2)
    return [
      invalid(at, 'all labels are equal: there is nothing to stratify by; turn it off, or add rows of another class'),
    ]
  const least = folds ?? 2
  const rare = occurring.filter(({ count }) => count < least)
  if (rare.length > 0)
    return rare.map(({ name, count }) =>
      invalid(
        at,
        `class '${name}' has ${count} row(s), fewer than the ${least} parts, of which each needs one; turn it off, or add rows of the class`,
      ),
    )
  const training = rows - Math.round(fraction * rows)
  return folds === undefined && training < occurring.length
    ? [
        outOfRange(
          '/validation/fraction',
          `leaves ${training} of ${rows} rows to train on, fewer than the ${occurring.length} classes; lower it`,
        ),
      ]
    : []
}

function checkMonitor(spec: PlannedSpec, pointer: string, monitor: string | undefined): Finding[] {
  if (monitor === undefined || monitor === 'loss') return []
  if (!holdsOut(spec)) return [invalid(pointer, `${monitor} needs rows held out: ${REMEDY}, or monitor loss`)]
  const metric = monitor.slice('validation.'.length)
  return metric === 'loss' || spec.metrics.some((name) => name === metric)
    ? []
    : [invalid(pointer, `add ${metric} to /metrics: what is not measured cannot be monitored`)]
}

function checkSampling({ sampling }: PlannedSpec, { target }: DatasetSchema): Finding[] {
  if (sampling === undefined) return []
  if (target.kind !== 'tokens')
    return [
      invalid(
        '/sampling',
        `only models of token labels write text; the target of the dataset is of kind ${target.kind}: leave it out, or use a text dataset`,
      ),
    ]
  const unknown = [...(sampling.prompt ?? '')].find((character) => !target.vocabulary.includes(character))
  return unknown === undefined
    ? []
    : [
        invalid(
          '/sampling/prompt',
          `'${unknown}' is not in the vocabulary of the dataset: use characters that its text has`,
        ),
      ]
}
