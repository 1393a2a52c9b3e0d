import fc from 'fast-check'
import { LayersModel } from '../../../../src/contracts/model.js'
import { parse } from '../../../../src/contracts/parse.js'
import { EspalierError, problem } from '../../../../src/errors.js'
import { connect } from '../../../../src/planning/layers/registry.js'
import { expandModel, type NamedLayer, type NamedModel } from '../../../../src/planning/presets.js'
import { type Shape, sizeOf } from '../../../../src/planning/shape.js'
import { type Choice, type Json, pick, randomLayer } from './random-layers.js'

/** Ids in texts are below this. */
export const IDS = 7

interface Node {
  readonly name: string
  readonly shape: Shape
}

const MERGES = ['add', 'subtract', 'multiply', 'average', 'maximum', 'minimum', 'concatenate', 'dot']

function makeGraph(inputShape: readonly number[], isIds: boolean, choices: readonly Choice[]): NamedModel {
  const layers: NamedLayer[] = []
  const nodes: Node[] = isIds ? [] : [{ name: 'input', shape: inputShape }]
  const used = new Set<string>()
  /** Adds the layer on these nodes, unless it does not connect or gives more than `most` numbers. */
  const add = (json: Json, inputs: readonly [Node, ...Node[]], most = 400): Node | null => {
    const name = `layer-${layers.length}`
    const layer = filledIn(json, name, inputs)
    const [first, ...others] = inputs
    const shape = outputShapeOf(layer, [first.shape, ...others.map((node) => node.shape)])
    if (!shape || sizeOf(shape) > most) return null
    layers.push(layer)
    for (const node of inputs) used.add(node.name)
    const node = { name, shape }
    nodes.push(node)
    return node
  }
  const examples = { name: 'input', shape: inputShape }
  if (isIds) add({ type: 'embedding', inputSize: IDS, outputSize: 3 }, [examples])
  for (const choice of choices) {
    // The latest nodes first, so that graphs become deep.
    const latest = nodes.toReversed()
    const [node, other] = [pick(latest, choice.on % 3), pick(latest, choice.with)]
    if (choice.layer % 3 === 0 && other !== node && differsInChannelsOnly(node, other)) {
      const channels = node.shape.at(-1)
      const brought = other.shape.at(-1) === channels ? other : add({ type: 'dense', units: channels }, [other])
      const type = pick(MERGES, choice.a)
      if (brought) add({ type, ...(type === 'concatenate' && choice.b % 4 === 0 ? { axis: 1 } : {}) }, [node, brought])
    } else add(randomLayer(choice, node.shape), [node])
  }
  const open = nodes.filter(({ name }) => name !== 'input' && !used.has(name))
  const everything = Number.POSITIVE_INFINITY
  const flat = open.flatMap((node) => (node.shape.length === 1 ? node : (add({ type: 'flatten' }, [node]) ?? [])))
  const [first = examples, ...others] = flat
  const joined = others.length > 0 ? add({ type: 'concatenate' }, [first, ...others], everything) : first
  add({ type: 'dense', units: 3 }, [joined ?? first], everything)
  return { kind: 'layers', inputShape: [...inputShape], layers }
}

function differsInChannelsOnly(one: Node, other: Node): boolean {
  return one.shape.length === other.shape.length && one.shape.slice(0, -1).join() === other.shape.slice(0, -1).join()
}

/** Parsing takes a hundred times as long as all else, and the same layers come again and again. */
const known = new Map<string, NamedLayer>()

/** The layer with the defaults of its type. */
function filledIn(json: Json, name: string, inputs: readonly [Node, ...Node[]]): NamedLayer {
  const key = JSON.stringify(json)
  const layer = known.get(key) ?? parsed({ ...json, inputs: ['a', 'b'] })
  known.set(key, layer)
  const [first, ...others] = inputs.map((node) => node.name)
  return { ...layer, name, inputs: [first ?? 'input', ...others] }
}

function parsed(json: Json): NamedLayer {
  const result = parse(LayersModel, { kind: 'layers', inputShape: [1], layers: [json] })
  const [layer] = result.ok ? expandModel(result.value).layers : []
  if (!layer) throw new Error(JSON.stringify(result))
  return layer
}

function outputShapeOf(layer: NamedLayer, inputs: readonly [Shape, ...Shape[]]): Shape | null {
  try {
    return connect(layer, inputs, (detail) => problem('SPEC_INVALID', detail)).outputShape
  } catch (error) {
    if (error instanceof EspalierError) return null
    throw error
  }
}

const choice = fc.record({ layer: fc.nat(59), on: fc.nat(8), with: fc.nat(8), a: fc.nat(11), b: fc.nat(11) })
const INPUTS: readonly { readonly inputShape: Shape; readonly isIds: boolean }[] = [
  { inputShape: [5, 4, 2], isIds: false },
  { inputShape: [5, 3], isIds: false },
  { inputShape: [3, 4, 4, 2], isIds: false },
  { inputShape: [6], isIds: false },
  { inputShape: [4], isIds: true },
]

export interface Graph {
  readonly model: NamedModel
  readonly isIds: boolean
}

/** Random models of up to 12 layers on images, sequences, vectors and ids: branches, sums, products, concatenations, flattening. */
export const graphs = (): fc.Arbitrary<Graph> =>
  fc
    .tuple(fc.constantFrom(...INPUTS), fc.array(choice, { minLength: 1, maxLength: 12, size: 'max' }))
    .map(([{ inputShape, isIds }, choices]) => ({ model: makeGraph(inputShape, isIds, choices), isIds }))
