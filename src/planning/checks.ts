import type { DatasetSchema } from '../contracts/dataset.js'
import type { LayersModel } from '../contracts/model.js'
import type { FieldError } from '../contracts/parse.js'
import type { TrainingJobSpec } from '../contracts/training-job.js'
import { matches, matchesAny } from './patterns.js'
import { kernelOf, type LayerDescription, show, sizeOf } from './shapes.js'

export interface Finding extends FieldError {
  readonly code: 'SPEC_INVALID' | 'SPEC_OUT_OF_RANGE'
}
const invalid = (pointer: string, detail: string): Finding => ({ code: 'SPEC_INVALID', pointer, detail })
const outOfRange = (pointer: string, detail: string): Finding => ({ code: 'SPEC_OUT_OF_RANGE', pointer, detail })

/** Weights, slots and gradients of a model of this size take about 2 GB. */
const MAX_PARAMETERS = 100_000_000

/** Loss, metrics and validation split against the data. */
export function checkData(
  spec: TrainingJobSpec,
  dataset: DatasetSchema,
  rows: { trainRows: number; validationRows: number },
): Finding[] {
  const found: Finding[] = []
  const { kind } = dataset.target
  if (spec.epochs !== undefined && spec.steps !== undefined)
    found.push(invalid('/steps', 'give either epochs or steps, not both'))
  if (spec.loss === 'sparse-categorical-crossentropy' && kind !== 'classes')
    found.push(
      invalid('/loss', 'sparse-categorical-crossentropy needs class labels; the target of the dataset is a number'),
    )
  if (spec.loss === 'mean-squared-error' && kind !== 'number')
    found.push(invalid('/loss', 'mean-squared-error needs numbers; the target of the dataset is a class'))
  spec.metrics?.forEach((metric, index) => {
    if ((metric === 'accuracy') !== (kind === 'classes'))
      found.push(
        invalid(`/metrics/${index}`, `${metric} does not fit the target of the dataset, which is of kind ${kind}`),
      )
  })
  if (rows.trainRows < 1)
    found.push(outOfRange('/validation/fraction', `leaves none of the ${dataset.trainRows} rows to train on`))
  if (spec.validation.fraction > 0 && rows.validationRows < 1)
    found.push(outOfRange('/validation/fraction', `holds out none of the ${dataset.trainRows} rows`))
  return found
}

/** Input and output of the model against the data. */
export function checkModel(
  spec: TrainingJobSpec,
  dataset: DatasetSchema,
  model: LayersModel,
  layers: readonly LayerDescription[],
): Finding[] {
  const found: Finding[] = []
  const at = (path: string) => (spec.model.kind === 'preset' ? '/model/name' : `/model${path}`)
  if (sizeOf(model.inputShape) !== sizeOf(dataset.exampleShape))
    found.push(
      invalid(
        at('/inputShape'),
        `the model takes ${show(model.inputShape)}, an example of the dataset is ${show(dataset.exampleShape)}`,
      ),
    )
  const last = layers.at(-1)
  const lastPointer = at(`/layers/${layers.length - 1}`)
  const { target } = dataset
  const outputs = target.kind === 'classes' ? target.names.length : target.size
  if (last && (last.outputShape.length !== 1 || last.outputShape[0] !== outputs)) {
    const wanted = target.kind === 'classes' ? `${outputs} classes` : `${outputs} number(s) an example`
    found.push(
      invalid(lastPointer, `layer '${last.name}' gives ${show(last.outputShape)} but the dataset has ${wanted}`),
    )
  }
  const activation = activationOf(model.layers.at(-1))
  if (spec.loss === 'sparse-categorical-crossentropy' && activation !== 'softmax' && activation !== 'linear')
    found.push(
      invalid(
        `${lastPointer}${spec.model.kind === 'preset' ? '' : '/activation'}`,
        `the last layer must give logits (linear) or probabilities (softmax) for ${spec.loss}, not ${activation}`,
      ),
    )
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0)
  if (parameters === 0) found.push(invalid(at('/layers'), 'no layer has weights: there is nothing to train'))
  if (parameters > MAX_PARAMETERS)
    found.push(outOfRange(at('/layers'), `${parameters} parameters; at most ${MAX_PARAMETERS} are allowed`))
  return found
}

function activationOf(layer: LayersModel['layers'][number] | undefined): string {
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

/** Sparsity and learning-rate schedules against the number of steps. */
export function checkSchedules(spec: TrainingJobSpec, steps: number): Finding[] {
  const found: Finding[] = []
  const learningRate = spec.optimizer.schedule
  if (learningRate.kind === 'cosine' && learningRate.beginStep >= (learningRate.endStep ?? steps))
    found.push(
      outOfRange(
        '/optimizer/schedule/beginStep',
        `must lie before endStep, which is ${learningRate.endStep ?? steps}; the job has ${steps} steps`,
      ),
    )
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
