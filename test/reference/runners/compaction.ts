import { LayersModel } from '../../../src/contracts/model.js'
import { parse } from '../../../src/contracts/parse.js'
import type { StoredTensors } from '../../../src/formats/safetensors.js'
import { buildModel } from '../../../src/ml/models/model.js'
import { type Compacted, compact, removeUnits } from '../../../src/ml/pruning/compaction/compact.js'
import { expandModel, type NamedModel } from '../../../src/planning/presets.js'
import {
  expectAllClose,
  expectEqual,
  expectSame,
  expectTensorClose,
  Mismatch,
  type Tolerance,
  toleranceOf,
} from '../compare.js'
import { asList, asNumber, asNumbers, asRecord, asTensor, asText, type Json, type ReferenceCase } from '../json.js'
import { type CaseRunner, type Outcome, passed } from '../outcome.js'
import { toTensor } from '../tensors.js'
import { fromKeras } from './keras-layers.js'

interface Scene {
  readonly model: NamedModel
  readonly weights: StoredTensors
  /** By layer, indexes of its output. */
  readonly removed: Readonly<Record<string, number[]>>
  readonly tolerance: Tolerance
  run(network: { readonly model: NamedModel; readonly state: StoredTensors }): ReturnType<typeof toTensor>
}

export const runCompaction: CaseRunner = (reference) => {
  const scene = makeScene(reference)
  const { model, weights, tolerance } = scene
  const original = asTensor(reference.expected.output_original)
  expectTensorClose(scene.run({ model, state: weights }), original, tolerance, 'output of the whole network')
  return reference.kind === 'fold' ? fold(scene, reference) : remove(scene, reference)
}

/** Cut as told, and found where the weights that take the units are 0: both give the expected network. */
function remove(scene: Scene, { expected }: ReferenceCase): Outcome {
  const { model, weights, removed, tolerance } = scene
  const masked = { ...weights }
  for (const entry of asList(expected.removed_input_indexes)) zeroRows(masked, model, asRecord(entry))
  expectTensorClose(scene.run({ model, state: masked }), asTensor(expected.output), tolerance, 'output, masked')
  const cases = { cut: removeUnits(model, weights, removed), found: compact(model, masked) }
  for (const [way, compacted] of Object.entries(cases)) {
    expectWeights(compacted, expected.compact_weights, { abs: 0, rel: 0 }, way)
    expectTensorClose(scene.run(compacted), asTensor(expected.output), tolerance, `output, ${way}`)
    for (const entry of asList(expected.removed_output_indexes)) {
      const { layer, indexes } = asRecord(entry)
      const change = compacted.report.layers.find((change) => change.layer === layer)
      if (change) expectSame(change.removed, asNumbers(indexes), `${way}: units removed from ${asText(layer)}`)
    }
    expectEqual(numbersOf(compacted.state), asNumber(expected.params_after), `${way}: numbers`)
  }
  expectEqual(numbersOf(weights), asNumber(expected.params_before), 'numbers before')
  return passed
}

/** The constant unit goes into the next bias; where that would not be exact it stays, and the report says so. */
function fold(scene: Scene, { expected }: ReferenceCase): Outcome {
  const { model, weights, removed, tolerance } = scene
  const compacted = compact(model, weights)
  const output = scene.run(compacted)
  expectTensorClose(output, asTensor(expected.output_original), tolerance, 'output, compact')
  const isExact = expected.exact === true
  for (const [layer, indexes] of Object.entries(removed)) {
    const change = compacted.report.layers.find((change) => change.layer === layer)
    expectSame(change?.removed ?? [], isExact ? indexes : [], `units removed from ${layer}`)
    const kept = compacted.report.kept.flatMap((entry) => (entry.layer === layer ? entry.units : []))
    expectSame(kept, isExact ? [] : indexes, `units kept in ${layer}`)
  }
  if (!isExact) return passed
  expectTensorClose(output, asTensor(expected.output_folded), tolerance, 'output, folded')
  expectWeights(compacted, expected.folded_weights, tolerance, 'folded')
  return passed
}

const DEFAULTS: Json = {
  activation: 'linear',
  use_bias: true,
  recurrent_activation: 'sigmoid',
  padding: 'valid',
  axis: -1,
}

function makeScene({ input, params, tolerance }: ReferenceCase): Scene {
  const network = asRecord(input.network)
  const layers = asList(network.layers).map((entry) => {
    const { name, class_name, config, inbound } = asRecord(entry)
    const usual =
      class_name === 'SimpleRNN' || class_name === 'LSTM' || class_name === 'GRU' ? { activation: 'tanh' } : {}
    const layer = fromKeras(asText(class_name), { ...DEFAULTS, ...usual, ...asRecord(config) })
    if (!layer) throw new Error(`no layer ${asText(class_name)}`)
    // Fields that the reference leaves out are undefined, and JSON drops them.
    return JSON.parse(JSON.stringify({ ...layer, name, inputs: inbound }))
  })
  const parsed = parse(LayersModel, { kind: 'layers', inputShape: network.input_shape, layers })
  if (!parsed.ok) throw new Error(`the contract refuses the network: ${JSON.stringify(parsed.errors)}`)
  const x = asTensor(input.x)
  const model = expandModel(parsed.value)
  return {
    model,
    weights: weightsOf(input.weights, model),
    removed: Object.fromEntries(
      Object.entries(asRecord(params.removed)).map(([layer, indexes]) => [layer, asNumbers(indexes)]),
    ),
    tolerance: toleranceOf(tolerance),
    run({ model, state }) {
      const tensors = Object.fromEntries(
        Object.entries(state).map(([name, { shape, values }]) => [name, toTensor({ shape, data: [...values] })]),
      )
      return buildModel(model, 'mean-squared-error').apply(tensors, toTensor(x))
    },
  }
}

/** `{layer: {recurrent_kernel: …}}` as `layer/recurrent-kernel`; what Keras calls the kernel of a depthwise convolution has its own name here. */
function weightsOf(value: unknown, model: NamedModel): StoredTensors {
  const isDepthwise = (name: string) =>
    model.layers.some((layer) => layer.name === name && layer.type === 'depthwise-conv2d')
  return Object.fromEntries(
    Object.entries(asRecord(value)).flatMap(([layer, own]) =>
      Object.entries(asRecord(own)).map(([name, tensor]) => {
        const { shape, data } = asTensor(tensor)
        const stored = { type: 'float32' as const, shape, values: Float32Array.from(data) }
        const own = isDepthwise(layer) && name === 'kernel' ? 'depthwise-kernel' : name.replaceAll('_', '-')
        return [`${layer}/${own}`, stored] as const
      }),
    ),
  )
}

/** Zeros where a weight takes the units at these indexes. */
function zeroRows(
  weights: Record<string, StoredTensors[string]>,
  model: NamedModel,
  { layer, weight, indexes }: Json,
): void {
  const name = `${asText(layer)}/${asText(weight).replaceAll('_', '-')}`
  const tensor = weights[name]
  if (!tensor) throw new Error(`there is no weight ${name}`)
  const isTransposed = model.layers.some((entry) => entry.name === layer && entry.type === 'conv2d-transpose')
  const extent = tensor.shape.at(isTransposed ? -1 : -2) ?? 1
  const inner = isTransposed ? 1 : (tensor.shape.at(-1) ?? 1)
  const gone = new Set(asNumbers(indexes))
  const values = Float32Array.from(tensor.values, (value, index) =>
    gone.has(Math.floor(index / inner) % extent) ? 0 : value,
  )
  weights[name] = { ...tensor, values }
}

function expectWeights({ model, state }: Compacted, value: unknown, tolerance: Tolerance, what: string): void {
  const expected = weightsOf(value, model)
  expectEqual(Object.keys(state).sort().join(), Object.keys(expected).sort().join(), `${what}: names`)
  for (const [name, { shape, values }] of Object.entries(expected)) {
    const actual = state[name]
    if (!actual) throw new Mismatch(`${what}: there is no ${name}`)
    expectEqual(actual.shape.join(), shape.join(), `${what}: shape of ${name}`)
    expectAllClose(actual.values, values, tolerance, `${what}: ${name}`)
  }
}

function numbersOf(state: StoredTensors): number {
  return Object.values(state).reduce((sum, { values }) => sum + values.length, 0)
}
