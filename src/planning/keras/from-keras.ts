import { LayersModel } from '../../contracts/model.js'
import { type FieldError, parse } from '../../contracts/parse.js'
import { type ErrorCode, EspalierError } from '../../errors.js'
import { INPUT } from '../layers/connect.js'
import { inside, type Json, member, type Place, problemAt, refuseOutsized } from './json.js'
import { layerOf } from './layer.js'
import { makeNaming } from './names.js'
import { inOrder } from './order.js'
import { connectAll } from './shapes.js'
import { type KerasNode, readTopology, type Topology } from './topology.js'

export interface FromKeras extends LayersModel {
  /** Where in the spec each layer stands. */
  readonly pointers: readonly string[]
}

/** Classes to which Keras hands the mask of a Masking layer, which here only zeroes. */
const MASKED = ['SimpleRNN', 'LSTM', 'GRU', 'Bidirectional', 'TimeDistributed', 'GlobalAveragePooling1D', 'Softmax']

/**
 * The layers of a model that Keras 2 or 3 has written as JSON, in an order in which each follows its inputs. Weights are not in it.
 * @throws SPEC_INVALID with pointers into `/model/topology`, at what we do not have: classes, values, several inputs or outputs; SPEC_OUT_OF_RANGE if only
 * numbers are at fault.
 * @see Chollet et al., Keras, `Model.to_json`.
 */
export function fromKeras(topology: Json): FromKeras {
  const place: Place = { pointer: '/model/topology', dialect: dialectOf(topology) }
  refuseOutsized(topology, place)
  const read = readTopology(topology, place)
  refuseMasks(read.nodes)
  const nodes = inOrder(read)
  const layers = collect(nodes, ({ value, place }) => layerOf(value, place))
  const parsed = parse(LayersModel, { kind: 'layers', inputShape: read.inputShape, layers: wired(read, nodes, layers) })
  if (!parsed.ok) {
    const errors = parsed.errors.map((error) => inTopology(error, nodes))
    throw rejection(errors, parsed.isOutOfRange ? 'SPEC_OUT_OF_RANGE' : 'SPEC_INVALID')
  }
  connectAll(parsed.value, nodes)
  return { ...parsed.value, pointers: nodes.map((node) => node.place.pointer) }
}

/** Keras 3 says so, or has modules; Keras 2 may have them too, but gives its version. */
function dialectOf(topology: Json): 2 | 3 {
  const version = member(topology, 'keras_version')
  if (typeof version === 'string') return version.startsWith('3') ? 3 : 2
  return member(topology, 'module') === undefined ? 2 : 3
}

function refuseMasks(nodes: readonly KerasNode[]): void {
  const masking = nodes.find((node) => classOf(node) === 'Masking')
  const reading = nodes.find((node) => MASKED.includes(classOf(node)))
  if (masking && reading)
    throw problemAt(
      masking.place,
      `${classOf(reading)} would skip masked steps in Keras and does not here; leave Masking out, or write the model as layers, whose masking only zeroes steps`,
    )
}

/** What is no text is refused with the layer. */
function classOf({ value }: KerasNode): string {
  const name = member(value, 'class_name')
  return typeof name === 'string' ? name : ''
}

/** Names and inputs as ours; inputs are left out where they are the layer before. */
function wired({ inputName }: Topology, nodes: readonly KerasNode[], layers: readonly Json[]): Json[] {
  const naming = makeNaming()
  const names = nodes.map(({ name }) => naming(name))
  const ours = new Map(nodes.map(({ name }, index) => [name, names[index] ?? name]))
  return layers.map((layer, index) => {
    const inputs = nodes[index]?.inputs?.map((name) => (name === inputName ? INPUT : (ours.get(name) ?? name)))
    const before = names[index - 1] ?? INPUT
    const implied = inputs === undefined || (inputs.length === 1 && inputs[0] === before)
    return { ...layer, name: names[index], ...(implied ? {} : { inputs }) }
  })
}

/** What `read` makes of each; the errors of all of them together. */
function collect<T, R>(items: readonly T[], read: (item: T) => R): R[] {
  const errors: FieldError[] = []
  const done = items.flatMap((item) => {
    try {
      return [read(item)]
    } catch (error) {
      if (!(error instanceof EspalierError)) throw error
      errors.push(...error.errors)
      return []
    }
  })
  if (errors.length > 0) throw rejection(errors.slice(0, 20))
  return done
}

/** An error of the contract, at the key of Keras that it came from where there is one of that name. */
function inTopology({ pointer, detail }: FieldError, nodes: readonly KerasNode[]): FieldError {
  const [, index = '', field = '', ...rest] = pointer.slice(1).split('/')
  const node = nodes[Number(index)]
  if (!pointer.startsWith('/layers/') || node === undefined)
    return { pointer: '/model/topology/config', detail: `${pointer}: ${detail}` }
  const config = inside(node.place, 'config')
  const key = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  const known = member(member(node.value, 'config'), key) !== undefined
  return { pointer: (known ? inside(config, key) : config).pointer, detail: `${[field, ...rest].join('/')} ${detail}` }
}

function rejection(errors: FieldError[], code: ErrorCode = 'SPEC_INVALID'): EspalierError {
  return new EspalierError(code, errors.map(({ detail }) => detail).join('; '), errors)
}
