import type { DatasetSchema } from '../contracts/dataset.js'
import { OPTION_LOSSES } from '../contracts/loss.js'
import type { Finding } from './checks.js'
import type { PlannedSpec } from './planned-spec.js'

const invalid = (pointer: string, detail: string): Finding => ({ code: 'SPEC_INVALID', pointer, detail })
const outOfRange = (pointer: string, detail: string): Finding => ({ code: 'SPEC_OUT_OF_RANGE', pointer, detail })

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

function checkClassWeights({ classWeights }: PlannedSpec, { target }: DatasetSchema): Finding[] {
  if (classWeights === undefined) return []
  if (target.kind !== 'classes')
    return [invalid('/classWeights', `needs class labels; the target of the dataset is of kind ${target.kind}`)]
  if (classWeights === 'balanced') return []
  if (classWeights.length !== target.names.length)
    return [
      invalid('/classWeights', `${classWeights.length} weights for ${target.names.length} classes; give one a class`),
    ]
  return classWeights.every((weight) => weight === 0)
    ? [outOfRange('/classWeights', 'every weight is 0: nothing would be learned; raise one')]
    : []
}

function checkHeldOut({ validation }: PlannedSpec, dataset: DatasetSchema): Finding[] {
  const { fraction, folds, fold, stratified } = validation
  const found: Finding[] = []
  if (folds !== undefined && fraction > 0)
    found.push(invalid('/validation/folds', 'give either fraction or folds, not both'))
  if (folds === undefined && fold !== undefined) found.push(invalid('/validation/fold', 'needs folds'))
  if (folds !== undefined && (fold ?? 0) >= folds)
    found.push(outOfRange('/validation/fold', `must be below folds, which is ${folds}; folds count from 0`))
  if (folds !== undefined && folds > dataset.trainRows)
    found.push(outOfRange('/validation/folds', `the dataset has only ${dataset.trainRows} rows`))
  return stratified ? [...found, ...checkStrata(folds ?? 2, dataset)] : found
}

function checkStrata(least: number, { target, classCounts }: DatasetSchema): Finding[] {
  const at = '/validation/stratified'
  if (target.kind !== 'classes')
    return [invalid(at, `needs class labels; the target of the dataset is of kind ${target.kind}`)]
  const counts = (classCounts ?? []).map((count, index) => ({ count, name: target.names[index] ?? String(index) }))
  const occurring = counts.filter(({ count }) => count > 0)
  if (counts.length > 0 && occurring.length < 2)
    return [invalid(at, 'all labels are equal: there is nothing to stratify by')]
  return occurring
    .filter(({ count }) => count < least)
    .map(({ name, count }) =>
      invalid(at, `class '${name}' has ${count} row(s), fewer than the ${least} that every part needs one of`),
    )
}

function checkMonitor(spec: PlannedSpec, pointer: string, monitor: string | undefined): Finding[] {
  if (monitor === undefined || monitor === 'loss') return []
  const { fraction, folds } = spec.validation
  if (fraction === 0 && folds === undefined)
    return [
      invalid(
        pointer,
        `${monitor} needs rows held out: set /validation/fraction or /validation/folds, or monitor loss`,
      ),
    ]
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
        `only models of token labels write text; the target of the dataset is of kind ${target.kind}`,
      ),
    ]
  const unknown = [...(sampling.prompt ?? '')].find((character) => !target.vocabulary.includes(character))
  return unknown === undefined
    ? []
    : [invalid('/sampling/prompt', `'${unknown}' is not in the vocabulary of the dataset`)]
}
