import type { DatasetSchema } from '../contracts/dataset.js'
import { LOSS_TARGETS, takesLogits } from '../contracts/loss.js'
import { METRIC_TARGETS, metricFitsLoss } from '../contracts/metric-name.js'
import type { Layer } from '../contracts/model.js'
import type { FieldError } from '../contracts/parse.js'
import type { TrainingJobSpec } from '../contracts/training-job-spec.js'
import { matches, matchesAny } from './patterns.js'
import { outputsOf, type PlannedSpec } from './planned-spec.js'
import type { ExpandedModel } from './presets.js'
import { kernelOf, show, sizeOf } from './shape.js'
import type { LayerDescription } from './shapes.js'

export interface Finding extends FieldError {
  readonly code: 'SPEC_INVALID' | 'SPEC_OUT_OF_RANGE'
}
const invalid = (pointer: string, detail: string): Finding => ({ code: 'SPEC_INVALID', pointer, detail })
const outOfRange = (pointer: string, detail: string): Finding => ({ code: 'SPEC_OUT_OF_RANGE', pointer, detail })

/** Weights, slots and gradients of a model of this size take about 2 GB. */
const MAX_PARAMETERS = 100_000_000

/** Loss, metrics and rows against the data. `asked`: without the defaults. */
export function checkData(
  asked: TrainingJobSpec,
  { loss, metrics }: PlannedSpec,
  { target, trainRows: rows }: DatasetSchema,
  { trainRows, validationRows }: { trainRows: number; validationRows: number },
): Finding[] {
  const found: Finding[] = []
  const { kind } = target
  if (asked.epochs !== undefined && asked.steps !== undefined)
    found.push(invalid('/steps', 'give either epochs or steps, not both'))
  if (!LOSS_TARGETS[loss].includes(kind))
    found.push(
      invalid(
        '/loss',
        `${loss} needs a target of kind ${LOSS_TARGETS[loss].join(' or ')}; that of the dataset is ${kind}`,
      ),
    )
  metrics.forEach((metric, index) => {
    if (!METRIC_TARGETS[metric].includes(kind))
      found.push(
        invalid(`/metrics/${index}`, `${metric} does not fit the target of the dataset, which is of kind ${kind}`),
      )
    else if (!metricFitsLoss(metric, loss))
      found.push(
        invalid(`/metrics/${index}`, `${metric} needs probabilities, which a model trained by ${loss} does not give`),
      )
  })
  const { fraction, folds } = asked.validation
  const at = folds === undefined ? '/validation/fraction' : '/validation/folds'
  if (trainRows < 1) found.push(outOfRange(at, `leaves none of the ${rows} rows to train on`))
  if ((fraction > 0 || folds !== undefined) && validationRows < 1)
    found.push(outOfRange(at, `holds out none of the ${rows} rows`))
  return found
}

/** Input and output of the model against the data. */
export function checkModel(
  { loss }: PlannedSpec,
  dataset: DatasetSchema,
  model: ExpandedModel,
  layers: readonly LayerDescription[],
): Finding[] {
  const found: Finding[] = []
  const { pointers } = model
  const isListed = pointers[0]?.startsWith('/model/layers/')
  const root = isListed ? '/model/inputShape' : model.pointers[0] === '/model/name' ? '/model/name' : '/model/topology'
  if (sizeOf(model.inputShape) !== sizeOf(dataset.exampleShape))
    found.push(
      invalid(
        root,
        `the model takes ${show(model.inputShape)}, an example of the dataset is ${show(dataset.exampleShape)}`,
      ),
    )
  const last = layers.at(-1)
  const lastPointer = pointers.at(-1) ?? '/model'
  const { target } = dataset
  const wanted = outputShapesOf(dataset)
  if (last && !wanted.some((shape) => shape.join() === last.outputShape.join())) {
    const shapes = wanted.map(show).join(' or ')
    found.push(
      invalid(
        lastPointer,
        `layer '${last.name}' gives ${show(last.outputShape)} but the dataset, with its ${outputsOf(dataset)} ${WORDS[target.kind]}, needs ${shapes}`,
      ),
    )
  }
  found.push(...checkEmbeddings(dataset, model))
  const activation = activationOf(model.layers.at(-1))
  const own = takesLogits(loss)
  if (own !== null && activation !== own && activation !== 'linear')
    found.push(
      invalid(
        isListed ? `${lastPointer}/activation` : lastPointer,
        `the last layer must give logits (linear) or probabilities (${own}) for ${loss}, not ${activation}`,
      ),
    )
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0)
  const all = isListed ? '/model/layers' : root
  if (parameters === 0) found.push(invalid(all, 'no layer has weights: there is nothing to train'))
  if (parameters > MAX_PARAMETERS)
    found.push(outOfRange(all, `${parameters} parameters; at most ${MAX_PARAMETERS} are allowed: take smaller layers`))
  return found
}

const WORDS = { classes: 'classes', labels: 'labels', number: 'number(s) an example', tokens: 'tokens' } as const

/** Of two classes one score is enough. */
function outputShapesOf(dataset: DatasetSchema): (readonly number[])[] {
  const outputs = outputsOf(dataset)
  const { target } = dataset
  return target.kind === 'tokens' ? [[target.length, outputs]] : [[outputs]]
}

/** Ids of tokens are looked up and not computed with; numbers cannot be looked up. */
function checkEmbeddings({ featureType, vocabularySize = 0 }: DatasetSchema, model: ExpandedModel): Finding[] {
  const isId = featureType === 'int32'
  return model.layers.flatMap((layer, index) => {
    const pointer = model.pointers[index] ?? '/model'
    const inputs = layer.inputs ?? [model.layers[index - 1]?.name ?? 'input']
    if (layer.type === 'embedding') {
      if (!isId)
        return [invalid(pointer, `layer '${layer.name}' looks up ids, but the features of the dataset are numbers`)]
      return layer.inputSize < vocabularySize
        ? [
            outOfRange(
              pointer,
              `layer '${layer.name}' knows ids below ${layer.inputSize}; the dataset has ${vocabularySize}`,
            ),
          ]
        : []
    }
    return isId && inputs.includes('input')
      ? [invalid(pointer, `layer '${layer.name}' computes with ids of tokens: put an embedding layer before it`)]
      : []
  })
}

function activationOf(layer: Layer | undefined): string {
  if (layer?.type === 'softmax') return 'softmax'
  return layer !== undefined && 'activation' in layer ? layer.activation : 'linear'
}

/** Patterns against the names of layers. */
export function checkPruning(spec: TrainingJobSpec, layers: readonly LayerDescription[]): Finding[] {
  const { pruning } = spec
  if (!pruning) return []
  const prunable = layers.filter(({ name, weights }) => kernelOf(name) in weights).map(({ name }) => name)
  const noMatch = (field: 'include' | 'exclude') =>
    pruning[field].flatMap((pattern, index) =>
      prunable.some((name) => matches(pattern, name))
        ? []
        : [
            invalid(
              `/pruning/${field}/${index}`,
              `'${pattern}' matches no layer with a kernel; there are: ${prunable.join(', ')}`,
            ),
          ],
    )
  const found = [...noMatch('include'), ...noMatch('exclude')]
  const left = prunable.filter((name) => matchesAny(pruning.include, name) && !matchesAny(pruning.exclude, name))
  if (found.length === 0 && left.length === 0)
    found.push(invalid('/pruning', 'include and exclude together leave no layer to prune'))
  return found
}

/** Patterns of clipping and of its shadows against the names of layers with weights; its schedule against the number of steps. */
export function checkClipping(spec: PlannedSpec, layers: readonly LayerDescription[], steps: number): Finding[] {
  const { clipping } = spec
  const names = layers.filter(({ parameters }) => parameters > 0).map(({ name }) => name)
  const found = [clipping, ...clipping.shadow].flatMap((mode, place) =>
    mode.mode === 'none'
      ? []
      : checkSelection(mode, place === 0 ? '/clipping' : `/clipping/shadow/${place - 1}`, names),
  )
  if (clipping.onNonFinite === 'rollback' && spec.optimizer.kind === 'ftrl')
    found.push(
      invalid(
        '/clipping/onNonFinite',
        'rollback lowers the learning rate, which under ftrl rescales the weights; use skip, or another optimizer',
      ),
    )
  const schedule = clipping.thresholdSchedule
  if (schedule.kind !== 'constant' && schedule.beginStep >= (schedule.endStep ?? steps))
    found.push(
      outOfRange(
        '/clipping/thresholdSchedule/beginStep',
        `must lie before endStep, which is ${schedule.endStep ?? steps}; the job has ${steps} steps`,
      ),
    )
  return found
}

function checkSelection(
  mode: { readonly include: readonly string[]; readonly exclude: readonly string[] },
  at: string,
  names: readonly string[],
): Finding[] {
  const noMatch = (field: 'include' | 'exclude') =>
    mode[field].flatMap((pattern, index) =>
      names.some((name) => matches(pattern, name))
        ? []
        : [
            invalid(
              `${at}/${field}/${index}`,
              `'${pattern}' matches no layer with weights; there are: ${names.join(', ')}`,
            ),
          ],
    )
  const found = [...noMatch('include'), ...noMatch('exclude')]
  const left = names.some((name) => matchesAny(mode.include, name) && !matchesAny(mode.exclude, name))
  return found.length === 0 && !left ? [invalid(at, 'include and exclude together leave no layer to clip')] : found
}

/** The sparsity schedule against the number of steps. */
export function checkSparsity(spec: TrainingJobSpec, steps: number): Finding[] {
  const found: Finding[] = []
  const sparsity = spec.pruning?.schedule
  if (sparsity?.kind === 'polynomial') {
    if (sparsity.beginStep >= sparsity.endStep)
      found.push(outOfRange('/pruning/schedule/beginStep', `must lie before endStep, which is ${sparsity.endStep}`))
    if (sparsity.initialSparsity > sparsity.finalSparsity)
      found.push(
        outOfRange('/pruning/schedule/initialSparsity', `is above finalSparsity: removed weights never come back`),
      )
    if (sparsity.endStep >= steps)
      found.push(
        outOfRange('/pruning/schedule/endStep', `the job ends with step ${steps - 1}: it would never be reached`),
      )
  }
  if (sparsity?.kind === 'one-shot' && sparsity.beginStep >= steps)
    found.push(
      outOfRange('/pruning/schedule/beginStep', `the job ends with step ${steps - 1}: it would never be reached`),
    )
  return found
}
