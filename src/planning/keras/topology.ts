import { inbound } from './inbound.js'
import { excerpt, inside, isJson, type Json, member, type Place, problemAt } from './json.js'
import { classNameOf, configOf } from './layer.js'

/** More are refused before anything is made of them. */
const MAX_LAYERS = 501
const MAX_AXES = 4

/** A layer of a topology as it stands there. */
export interface KerasNode {
  readonly value: Json
  readonly place: Place
  /** As Keras calls it. */
  readonly name: string
  /** As Keras calls them; undefined in a Sequential model, where it is the layer before. */
  readonly inputs?: readonly string[]
}

export interface Topology {
  readonly inputShape: readonly number[]
  /** How a Functional model calls its examples. */
  readonly inputName?: string
  readonly outputName?: string
  /** Without the layer that stands for the examples, in the order of the topology. */
  readonly nodes: readonly KerasNode[]
}

/** @throws SPEC_INVALID unless it is a Sequential or a Functional model with one input and one output. */
export function readTopology(topology: Json, place: Place): Topology {
  const className = classNameOf(topology, place)
  if (className === 'Sequential') return sequential(topology, place)
  if (className === 'Functional' || className === 'Model') return functional(topology, place)
  throw problemAt(
    inside(place, 'class_name'),
    `${excerpt(className)} is not supported: give what to_json() of a Sequential or Functional model returns`,
  )
}

function sequential(topology: Json, place: Place): Topology {
  const config = member(topology, 'config')
  // Early versions of Keras 2 wrote the list of layers itself.
  const all = Array.isArray(config)
    ? nodesOf(config, inside(place, 'config'))
    : nodesOf(member(configOf(topology, place), 'layers'), inside(inside(place, 'config'), 'layers'))
  const [first, ...others] = all
  if (first === undefined) throw problemAt(inside(place, 'config'), 'has no layers')
  const explicit = isInput(first)
  const second = others.find(isInput)
  if (second) throw problemAt(second.place, 'a Sequential model has one input, and it comes first')
  if (explicit && others.length === 0)
    throw problemAt(first.place, 'no layer follows the input; add one that gives the output')
  const built = member(config, 'build_input_shape') ?? member(member(topology, 'build_config'), 'input_shape')
  return { inputShape: inputShapeOf(first, built), nodes: explicit ? others : all }
}

function functional(topology: Json, place: Place): Topology {
  const config = configOf(topology, place)
  const at = inside(place, 'config')
  const nodes = nodesOf(member(config, 'layers'), inside(at, 'layers')).map((node) =>
    isInput(node) ? node : { ...node, inputs: inbound(node.value, node.place) },
  )
  const inputs = nodes.filter(isInput)
  const [input] = inputs
  if (input === undefined || inputs.length > 1)
    throw problemAt(
      inside(at, 'input_layers'),
      `the model has ${inputs.length} inputs; only one is supported: put them into one tensor, or use the largest part of the model that has one`,
    )
  return {
    inputShape: inputShapeOf(input, undefined),
    inputName: input.name,
    outputName: outputOf(member(config, 'output_layers'), inside(at, 'output_layers')),
    nodes: nodes.filter((node) => node !== input),
  }
}

function nodesOf(layers: unknown, place: Place): KerasNode[] {
  if (!Array.isArray(layers)) throw problemAt(place, 'is required: the list of layers')
  if (layers.length > MAX_LAYERS) throw problemAt(place, `has ${layers.length} layers; at most 500 can be taken over`)
  return layers.map((value: unknown, index) => {
    const at = inside(place, index)
    if (!isJson(value)) throw problemAt(at, 'must be an object with class_name and config')
    const name = member(value, 'name') ?? member(member(value, 'config'), 'name')
    return { value, place: at, name: typeof name === 'string' ? name : `layer-${index}` }
  })
}

function isInput({ value }: KerasNode): boolean {
  return member(value, 'class_name') === 'InputLayer'
}

/** Of one example: from the input layer, from the first layer, or from what the model was built on. */
function inputShapeOf(first: KerasNode, built: unknown): number[] {
  const config = member(first.value, 'config')
  const shape = member(config, 'batch_shape') ?? member(config, 'batch_input_shape') ?? built
  const at = inside(first.place, 'config')
  if (!Array.isArray(shape))
    throw problemAt(at, 'has no batch_shape: begin the model with an Input layer that has a shape')
  const extents: unknown[] = shape.slice(1)
  const shown = `the shape of an example is ${excerpt(extents)}`
  if (extents.length === 0 || !extents.every((extent): extent is number => Number.isInteger(extent)))
    throw problemAt(
      at,
      `${shown}; every extent must be a fixed number, so give Input the length of your sequences or the size of your images`,
    )
  if (extents.length > MAX_AXES || extents.some((extent) => extent < 1))
    throw problemAt(at, `${shown}; it must have 1 to ${MAX_AXES} extents, each at least 1`)
  return extents
}

/** `["dense", 0, 0]` in Keras 3, a list of one such in Keras 2. */
function outputOf(value: unknown, place: Place): string {
  const outputs: unknown[] = Array.isArray(value) ? (typeof value[0] === 'string' ? [value] : value) : []
  const [output] = outputs
  const name: unknown = Array.isArray(output) ? output[0] : undefined
  if (typeof name !== 'string' || outputs.length > 1)
    throw problemAt(
      place,
      `the model has ${outputs.length} outputs; only one is supported: keep the one that is trained`,
    )
  return name
}
