import type { DatasetSchema } from '../contracts/dataset.js'
import { LABEL_BOUNDS, LOSS_TARGETS, type LossName } from '../contracts/loss.js'
import type { TrainingJobSpec } from '../contracts/training-job-spec.js'
import { checkThreshold } from './clipping-checks.js'
import { type Finding, invalid, outOfRange } from './finding.js'
import { checkMetrics } from './metric-checks.js'
import { checkHandedOn, checkOutput } from './output-checks.js'
import { matches, matchesAny } from './patterns.js'
import type { PlannedSpec } from './planned-spec.js'
import type { ExpandedModel } from './presets.js'
import { show, sizeOf } from './shape.js'
import type { LayerDescription } from './shapes.js'
import { SOURCE_POINTERS } from './starting-point.js'

export type { Finding } from './finding.js'

/** Weights, slots and gradients of a model of this size take about 2 GB. */
const MAX_PARAMETERS = 100_000_000
/** As for `steps` of the spec. */
const MAX_STEPS = 100_000_000

/** Loss, metrics and rows against the data. `asked`: without the defaults. */
export function checkData(
  asked: TrainingJobSpec,
  spec: PlannedSpec,
  dataset: DatasetSchema,
  { trainRows, validationRows }: { trainRows: number; validationRows: number },
): Finding[] {
  const found: Finding[] = []
  const { loss } = spec
  const { target, trainRows: rows } = dataset
  if (asked.epochs !== undefined && asked.steps !== undefined)
    found.push(invalid('/steps', 'give either epochs or steps, not both'))
  if (!LOSS_TARGETS[loss].includes(target.kind))
    found.push(
      invalid(
        '/loss',
        `${loss} needs a target of kind ${LOSS_TARGETS[loss].join(' or ')}; that of the dataset is ${target.kind}`,
      ),
    )
  found.push(...checkLabels(loss, dataset), ...checkMetrics(spec, dataset))
  const { fraction, folds } = asked.validation
  const at = folds === undefined ? '/validation/fraction' : '/validation/folds'
  if (trainRows < 1) return [...found, outOfRange(at, `leaves none of the ${rows} rows to train on; lower it`)]
  if ((fraction > 0 || folds !== undefined) && validationRows < 1)
    found.push(outOfRange(at, `holds out none of the ${rows} rows; raise it`))
  // A scan takes smaller batches where there are no more rows.
  return asked.kind === 'sensitivity-scan' ? found : [...found, ...checkBatches(asked, spec, trainRows)]
}

/** The range of the labels, where the dataset knows it, against what the loss is defined for. */
function checkLabels(loss: LossName, { labelRange }: DatasetSchema): Finding[] {
  if (labelRange === undefined) return []
  const [least, most] = LABEL_BOUNDS[loss] ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const { minimum, maximum } = labelRange
  if (minimum >= least && maximum <= most) return []
  const bounds = Number.isFinite(most) ? `shares from ${least} to ${most}` : `labels of at least ${least}`
  return [
    invalid(
      '/loss',
      `${loss} needs ${bounds}; those of the dataset go from ${minimum} to ${maximum}: scale them, or take another loss`,
    ),
  ]
}

/** Batches against the rows that train, and the number of updates against what a job may have. */
function checkBatches({ steps }: TrainingJobSpec, spec: PlannedSpec, trainRows: number): Finding[] {
  const { batchSize, optimizer, epochs = 1 } = spec
  const { accumulateSteps } = optimizer
  if (batchSize > trainRows)
    return [
      outOfRange(
        '/batchSize',
        `a batch of ${batchSize} takes more than the ${trainRows} rows to train on; set it to at most ${trainRows}`,
      ),
    ]
  const batches = Math.ceil(trainRows / batchSize)
  if (accumulateSteps > batches)
    return [
      outOfRange(
        '/optimizer/accumulateSteps',
        `an update takes ${accumulateSteps} mini-batches, but an epoch has ${batches} of ${batchSize}; give at most ${batches}, or a smaller batchSize`,
      ),
    ]
  const updates = steps ?? epochs * Math.ceil(batches / accumulateSteps)
  if (updates > MAX_STEPS)
    return [
      outOfRange('/epochs', `would be ${updates} updates; a job may have ${MAX_STEPS}: lower it, or raise batchSize`),
    ]
  // Each mini-batch draws its noise by its number, which is an int32.
  return updates * accumulateSteps > 2 ** 31 - 1
    ? [
        outOfRange(
          '/optimizer/accumulateSteps',
          `would be ${updates * accumulateSteps} mini-batches in all; at most ${2 ** 31 - 1} are allowed`,
        ),
      ]
    : []
}

/** Pointers to models that come as a whole. */
const WHOLE: readonly string[] = ['/model/name', ...SOURCE_POINTERS]

/** Input and output of the model against the data. */
export function checkModel(
  spec: PlannedSpec,
  dataset: DatasetSchema,
  model: ExpandedModel,
  layers: readonly LayerDescription[],
): Finding[] {
  const found: Finding[] = []
  const { pointers } = model
  const isListed = pointers[0]?.startsWith('/model/layers/')
  const root = isListed ? '/model/inputShape' : (WHOLE.find((pointer) => pointer === pointers[0]) ?? '/model/topology')
  if (sizeOf(model.inputShape) !== sizeOf(dataset.exampleShape))
    found.push(
      invalid(
        root,
        `the model takes ${show(model.inputShape)}, an example of the dataset is ${show(dataset.exampleShape)}; ${remedyOf(root, dataset)}`,
      ),
    )
  const layer = model.layers.at(-1)
  const description = layers.at(-1)
  if (layer && description)
    found.push(...checkOutput(spec, dataset, { layer, description, pointer: pointers.at(-1) ?? '/model' }))
  found.push(...checkHandedOn(spec, model, layers))
  found.push(...checkEmbeddings(dataset, model))
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0)
  const all = isListed ? '/model/layers' : root
  if (parameters === 0) found.push(invalid(all, 'no layer has weights: there is nothing to train'))
  if (parameters > MAX_PARAMETERS)
    found.push(outOfRange(all, `${parameters} parameters; at most ${MAX_PARAMETERS} are allowed: take smaller layers`))
  return found
}

function remedyOf(root: string, { exampleShape }: DatasetSchema): string {
  if (root === '/model/inputShape')
    return `give it ${sizeOf(exampleShape)} numbers in all, such as ${show(exampleShape)}`
  if (SOURCE_POINTERS.includes(root)) return 'take a dataset of such examples'
  return root === '/model/name'
    ? 'take a preset that adapts to the data, such as mlp, or a model of kind layers'
    : 'build the model for such examples'
}

/** Ids of tokens are looked up and not computed with; numbers cannot be looked up. */
function checkEmbeddings({ featureType, vocabularySize = 0 }: DatasetSchema, model: ExpandedModel): Finding[] {
  const isId = featureType === 'int32'
  return model.layers.flatMap((layer, index) => {
    const pointer = model.pointers[index] ?? '/model'
    const inputs = layer.inputs ?? [model.layers[index - 1]?.name ?? 'input']
    if (layer.type === 'embedding') {
      if (!isId)
        return [
          invalid(
            pointer,
            `layer '${layer.name}' looks up ids, but the features of the dataset are numbers; begin with dense, or another layer that computes with them`,
          ),
        ]
      return layer.inputSize < vocabularySize
        ? [
            outOfRange(
              pointer,
              `layer '${layer.name}' knows ids below ${layer.inputSize}; the dataset has ${vocabularySize}: set inputSize to that`,
            ),
          ]
        : []
    }
    return isId && inputs.includes('input')
      ? [invalid(pointer, `layer '${layer.name}' computes with ids of tokens: put an embedding layer before it`)]
      : []
  })
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
  return [...found, ...checkThreshold(clipping, steps)]
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
