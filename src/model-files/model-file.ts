import type { LayersModel } from '../contracts/model.js'
import { EspalierError } from '../errors.js'
import { FormatError } from '../formats/format-error.js'
import { decodeTyped, type StoredTensor, type StoredTensors, toStored } from '../formats/safetensors.js'
import { fromKeras } from '../planning/keras/from-keras.js'
import { expandModel, type NamedModel } from '../planning/presets.js'
import { describeLayers, type LayerDescription } from '../planning/shapes.js'

/** A model that came as a file, its layers and weights as ours: names, layouts, float32, finite. */
export interface ModelFile {
  readonly model: NamedModel
  readonly weights: StoredTensors
}

/** A model of Keras, and for each layer where it stands in the list that Keras has. */
export interface KerasModel {
  readonly model: NamedModel
  readonly layers: readonly LayerDescription[]
  readonly places: readonly number[]
}

/** For refusals of anything else. */
export const FORMATS =
  'what is read: .keras (Keras 3), a zip of a TensorFlow.js layers model, and safetensors with its layers in topology'
/** Files of a job that hold the weights in fewer bytes, by what `format` in their metadata begins with. */
const PACKED = {
  'espalier-sparse-': 'weights.sparse',
  'espalier-weights-float16': 'weights-float16.safetensors',
  'espalier-weights-int8': 'weights-int8.safetensors',
} as const

const MAX_PARAMETERS = 100_000_000
const MAX_HEADER_BYTES = 8 * 1024 * 1024

/** @throws FormatError naming the place in the topology */
export function readKerasTopology(topology: unknown): KerasModel {
  if (typeof topology !== 'object' || topology === null || Array.isArray(topology))
    throw new FormatError('the topology is not an object')
  return orFormatError(() => {
    const { pointers, ...layersModel } = fromKeras(topology as Record<string, unknown>) // an object, as just checked
    const model = namedOf(layersModel)
    return {
      model,
      layers: describe(model),
      places: pointers.map((pointer) => Number(/\d+$/.exec(pointer)?.[0] ?? -1)),
    }
  })
}

/**
 * Weights of safetensors, as weights.safetensors has them, for these layers.
 * @throws FormatError for a file that is none, or not of this model: the tensor is named
 */
export function readSafetensorsModel(bytes: Uint8Array, layersModel: LayersModel | null): ModelFile {
  refuseLongHeader(bytes)
  const { tensors, metadata } = decodeTyped(bytes)
  refusePacked(metadata)
  if (layersModel === null) throw new FormatError('safetensors needs the layers: give them in topology')
  const { model, layers } = orFormatError(() => {
    const model = namedOf(layersModel)
    return { model, layers: describe(model) }
  })
  const names = weightsOf(layers)
  const extra = Object.keys(tensors).filter((name) => !names.has(name))
  if (extra.length > 0) throw new FormatError(`no layer has the tensor ${extra.slice(0, 5).join(', ')}`)
  const weights = [...names].map(([name, shape]) => {
    const tensor = Object.hasOwn(tensors, name) ? tensors[name] : undefined
    if (!tensor) throw new FormatError(`the tensor ${name} is missing`)
    return [name, checked(name, toStored(name, tensor), shape)] as const
  })
  return { model, weights: Object.fromEntries(weights) }
}

function refusePacked({ format = '' }: Readonly<Record<string, string>>): void {
  const [, file] = Object.entries(PACKED).find(([begin]) => format.startsWith(begin)) ?? []
  if (file) throw new FormatError(`the file is ${file} of a job: upload weights.safetensors of the same job instead`)
}

/** What is parsed takes many times as much memory; 500 layers need far less. */
function refuseLongHeader(bytes: Uint8Array): void {
  if (bytes.length < 8) return
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)
  if (length > MAX_HEADER_BYTES && length <= bytes.length)
    throw new FormatError(`the header has ${length} bytes; at most ${MAX_HEADER_BYTES} are read`)
}

/** The tensor, if it is what the model has. @throws FormatError that says where it is not */
export function checked(name: string, tensor: StoredTensor, shape: readonly number[]): StoredTensor {
  if (tensor.type !== 'float32') throw new FormatError(`${name} is ${tensor.type}; weights are float32`)
  checkShape(name, tensor.shape, shape)
  const broken = tensor.values.findIndex((value) => !Number.isFinite(value))
  if (broken >= 0)
    throw new FormatError(
      `${name}, element ${broken} in row-major order, is ${tensor.values[broken]}: no finite number`,
    )
  return tensor
}

export function checkShape(name: string, found: readonly number[], expected: readonly number[]): void {
  if (found.join() !== expected.join())
    throw new FormatError(`${name} is [${found.join(', ')}], and the layers say [${expected.join(', ')}]`)
}

/** Full names and shapes, in the order of the layers. */
export function weightsOf(layers: readonly LayerDescription[]): Map<string, readonly number[]> {
  return new Map(layers.flatMap(({ weights }) => Object.entries(weights).map(([name, { shape }]) => [name, shape])))
}

function namedOf(model: LayersModel): NamedModel {
  const { pointers: _, ...named } = expandModel(model)
  return named
}

/** Before any weight is read: what a file says of its size is not believed. */
function describe(model: NamedModel): LayerDescription[] {
  const layers = describeLayers(model)
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0)
  if (!(parameters <= MAX_PARAMETERS))
    throw new FormatError(`the model has ${parameters} parameters; at most ${MAX_PARAMETERS} are allowed`)
  return layers
}

function orFormatError<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error
    const at = error.errors.map(({ pointer, detail }) => `${pointer.replace(/^\/model/, '')}: ${detail}`)
    throw new FormatError(at.join('; ') || error.message, { cause: error })
  }
}
