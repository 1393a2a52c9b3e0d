import type { DatasetSchema } from '../contracts/dataset.js'
import type { ActivationName } from '../contracts/layers/fields.js'
import { decidesByOneOutput, type LossName, ONE_OUTPUT_LOSSES, takesLogits } from '../contracts/loss.js'
import type { Layer } from '../contracts/model.js'
import { type Finding, invalid } from './finding.js'
import { outputsOf, type PlannedSpec } from './planned-spec.js'
import type { ExpandedModel } from './presets.js'
import { type Shape, show } from './shape.js'
import type { LayerDescription } from './shapes.js'

const WORDS = { classes: 'classes', labels: 'labels', number: 'number(s) an example', tokens: 'tokens' } as const

/** What a layer does last, by name; `softmax over axis 1` for one that does not go over the last axis. */
type Ending = ActivationName | 'prelu' | `softmax over axis ${number}`

const NEVER_NEGATIVE: readonly Ending[] = [
  'relu',
  'relu6',
  'sigmoid',
  'hard-sigmoid',
  'softplus',
  'exponential',
  'softmax',
]

/** The last layer against the labels and the loss: its shape, and whether its activation gives what the loss takes. */
export function checkOutput(
  { loss }: Pick<PlannedSpec, 'loss'>,
  dataset: DatasetSchema,
  { layer, description, pointer }: { layer: Layer; description: LayerDescription; pointer: string },
): Finding[] {
  const { name, outputShape } = description
  const found: Finding[] = []
  const wanted = outputShapesOf(dataset, loss)
  if (!wanted.some((shape) => shape.join() === outputShape.join()))
    found.push(
      invalid(
        pointer,
        `layer '${name}' gives ${show(outputShape)} but the dataset, with its ${outputsOf(dataset)} ${WORDS[dataset.target.kind]}, needs ${wanted.map(show).join(' or ')}${hintOfOne(dataset, loss, outputShape)}`,
      ),
    )
  const ending = endingOf(layer, outputShape)
  const fault = faultOf(ending, loss, outputShape) ?? recurrenceFault(layer, ending, loss)
  if (fault !== null) found.push(invalid(placeOf(layer, pointer), `layer '${name}' ends in ${ending}; ${fault}`))
  return found
}

/** Probabilities that later layers only move, thin out or average: the loss would take them for logits, without anybody noticing. */
export function checkHandedOn(
  { loss }: Pick<PlannedSpec, 'loss'>,
  { layers, pointers }: ExpandedModel,
  described: readonly LayerDescription[],
): Finding[] {
  const source = sourceOf(described, layers)
  const [layer, description] = [layers[source], described[source]]
  if (!layer || !description || takesLogits(loss) === null || source === layers.length - 1) return []
  const ending = endingOf(layer, description.outputShape)
  if (ending !== 'sigmoid' && !ending.startsWith('softmax')) return []
  return [
    invalid(
      placeOf(layer, pointers[source] ?? '/model'),
      `layer '${layer.name}' ends in ${ending}, and what follows hands its numbers on to ${loss}, which takes logits: make it linear, or put the activation into the last layer`,
    ),
  ]
}

/** Place of the layer whose numbers, but for their places, are the output of the model. */
function sourceOf(described: readonly LayerDescription[], layers: readonly Layer[]): number {
  let place = layers.length - 1
  for (let layer = layers[place]; layer && handsOn(layer); layer = layers[place]) {
    const before = described.findIndex(({ name }) => name === described[place]?.inputs[0])
    if (before < 0) break
    place = before
  }
  return place
}

function handsOn(layer: Layer): boolean {
  return layer.type === 'time-distributed' ? HANDING_ON.includes(layer.layer.type) : HANDING_ON.includes(layer.type)
}

const HANDING_ON: readonly Layer['type'][] = [
  ...(['flatten', 'reshape', 'permute', 'repeat-vector', 'masking'] as const),
  ...(['zero-padding2d', 'cropping2d', 'up-sampling1d', 'up-sampling2d'] as const),
  ...(['dropout', 'spatial-dropout', 'gaussian-dropout', 'gaussian-noise'] as const),
  ...(['max-pooling1d', 'max-pooling2d', 'max-pooling3d', 'average-pooling1d', 'average-pooling2d'] as const),
  ...(['global-average-pooling', 'global-max-pooling'] as const),
]

/** The field of the activation; a layer that ends in a layer of its own, or has no field for it, is at fault as a whole. */
function placeOf(layer: Layer, pointer: string): string {
  return 'activation' in layer && pointer.startsWith('/model/layers/') ? `${pointer}/activation` : pointer
}

/** A cross-entropy brings the last activation along; that of a recurrence cannot be left out. */
function recurrenceFault(layer: Layer, ending: Ending, loss: LossName): string | null {
  const isRecurrent = RECURRENT.includes(layer.type === 'bidirectional' ? layer.layer.type : layer.type)
  return isRecurrent && ending === takesLogits(loss)
    ? `it is part of the recurrence, and ${loss} takes logits: let a dense layer follow`
    : null
}

const RECURRENT: readonly Layer['type'][] = ['simple-rnn', 'lstm', 'gru']

/** Of two classes one score is enough where the loss has two sides. */
function outputShapesOf(dataset: DatasetSchema, loss: LossName): Shape[] {
  const outputs = outputsOf(dataset)
  const { target } = dataset
  if (target.kind === 'tokens') return [[target.length, outputs]]
  return target.kind === 'classes' && outputs === 2 && decidesByOneOutput(loss) ? [[2], [1]] : [[outputs]]
}

function hintOfOne({ target }: DatasetSchema, loss: LossName, outputShape: Shape): string {
  if (target.kind !== 'classes' || target.names.length !== 2 || outputShape.join() !== '1' || decidesByOneOutput(loss))
    return ''
  return `; one output is enough if /loss is ${ONE_OUTPUT_LOSSES.join(', ')}, and it is ${loss}`
}

function endingOf(layer: Layer | { type: string; activation?: ActivationName }, outputShape: Shape): Ending {
  if ('layer' in layer) return endingOf(layer.layer, outputShape)
  if ('activation' in layer && layer.activation !== undefined) return layer.activation
  switch (layer.type) {
    case 'softmax': {
      const axis = 'axis' in layer ? layer.axis : -1
      return axis === -1 || axis === outputShape.length ? 'softmax' : `softmax over axis ${axis}`
    }
    case 'relu':
      return 'negativeSlope' in layer && layer.negativeSlope > 0 ? 'leaky-relu' : 'relu'
    case 'leaky-relu':
    case 'elu':
    case 'prelu':
      return layer.type
    default:
      return 'linear'
  }
}

/** What the loss needs instead; null: the ending is right. */
function faultOf(ending: Ending, loss: LossName, outputShape: Shape): string | null {
  const own = takesLogits(loss)
  if (own !== null)
    return ending === own || ending === 'linear'
      ? null
      : `${loss} takes logits (linear) or probabilities (${own}) from the last layer`
  if (loss === 'kl-divergence')
    return ending === 'softmax' ? null : `${loss} takes probabilities: end the model in softmax`
  if (loss === 'poisson')
    return NEVER_NEGATIVE.includes(ending)
      ? null
      : `${loss} takes the logarithm of the output, which must not be negative: end the model in softplus, relu or exponential`
  if (loss === 'hinge' || loss === 'squared-hinge')
    return NEVER_NEGATIVE.includes(ending)
      ? `${loss} takes scores, below 0 where a label does not hold: end the model in linear or tanh`
      : null
  return ending === 'softmax' && outputShape.at(-1) === 1
    ? 'which of a single number is always 1: take sigmoid or linear'
    : null
}
