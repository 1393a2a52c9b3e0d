import h5wasm from 'h5wasm'
import { FormatError } from '../formats/format-error.js'
import { checkShape } from './model-file.js'

const LAYERS = 'layers'
const PATH = 'weights.h5'
export const NOT_HDF5 = 'model.weights.h5 is not an HDF5 file that can be read'

/** The variables of one layer, or of one part of it: `<group>/0`, `<group>/1`, … */
export interface Variables {
  readonly group: string
  /** Of the layer, for messages. */
  readonly layer: string
  readonly weights: readonly { readonly name: string; readonly shape: readonly number[] }[]
}

/** What a file of weights should have: variables, and in `layers` no other groups than these. */
export interface Wanted {
  readonly groups: readonly string[]
  readonly variables: readonly Variables[]
}

type H5File = InstanceType<typeof h5wasm.File>
type H5Module = Awaited<typeof h5wasm.ready>

/**
 * The values of all variables by the names of the weights, float32. The library stays in whatever state a damaged file leaves it, so its thread reads one file.
 * @throws FormatError naming the group or weight at fault
 */
export async function readVariables(bytes: Uint8Array, wanted: Wanted): Promise<Record<string, Float32Array>> {
  const module = await h5wasm.ready
  // A memory of its own, in which there is no other file that a link could lead to.
  module.FS.writeFile(PATH, bytes)
  try {
    const file = new h5wasm.File(PATH, 'r')
    if (file.file_id < 0n) throw new FormatError(NOT_HDF5)
    return readAll(module, file, wanted)
  } catch (error) {
    if (error instanceof FormatError) throw error
    throw new FormatError(NOT_HDF5, { cause: error })
  }
}

function readAll(module: H5Module, file: H5File, { groups, variables }: Wanted): Record<string, Float32Array> {
  const known = groups.map((group) => group.slice(LAYERS.length + 1))
  refuseOthers(file, LAYERS, known, 'belongs to no layer')
  const values: [string, Float32Array][] = []
  for (const { group, layer, weights } of variables) {
    for (const [at, { name, shape }] of weights.entries())
      values.push([name, readTensor(module, file, `${group}/${at}`, name, shape)])
    const own = weights.map((_, at) => String(at))
    refuseOthers(file, group, own, `is no variable of the layer ${layer}, which has ${weights.length}`)
  }
  return Object.fromEntries(values)
}

/** @throws FormatError if the group has members besides these */
function refuseOthers(file: H5File, group: string, known: readonly string[], why: string): void {
  if (typeAt(file, group) !== 'Group') return
  const entity = file.get(group)
  const other = entity instanceof h5wasm.Group ? entity.keys().find((key) => !known.includes(key)) : undefined
  if (other !== undefined) throw new FormatError(`${group}/${other.slice(0, 80)} in model.weights.h5 ${why}`)
}

/** What is at a path, step by step so that a link on the way is seen; null: nothing. */
function typeAt(file: H5File, path: string): string | null {
  const steps = path.split('/')
  let type: string | null = null
  for (let count = 1; count <= steps.length; count++) {
    const entity = file.get(steps.slice(0, count).join('/'))
    if (entity === null) return null
    type = 'type' in entity ? entity.type : 'Reference'
    if (type !== 'Group' && count < steps.length) return type
  }
  return type
}

/** Nothing is allocated before the shape is known to be right. */
function readTensor(
  module: H5Module,
  file: H5File,
  path: string,
  name: string,
  shape: readonly number[],
): Float32Array {
  const type = typeAt(file, path)
  if (type === null) throw new FormatError(`${name} is missing: model.weights.h5 has no ${path}`)
  const entity = file.get(path)
  if (type !== 'Dataset' || !(entity instanceof h5wasm.Dataset))
    throw new FormatError(`${path}, which should be ${name}, is a ${type} and not a dataset`)
  checkShape(name, entity.shape ?? [], shape)
  const { dtype, metadata } = entity
  if (dtype !== '<f4' && dtype !== '<f')
    throw new FormatError(`${name} is ${JSON.stringify(dtype).slice(0, 80)}; weights are float32, '<f4'`)
  const isChunkOfMore = metadata.chunks?.some((extent, axis) => extent > (shape[axis] ?? 1))
  if (isChunkOfMore) throw new FormatError(`${name} is stored in chunks larger than itself: ${metadata.chunks}`)
  return readValues(module, file, path, name, shape)
}

/** Dataset.value of the library says nothing of a read that failed, and gives what was in the memory before. */
function readValues(
  module: H5Module,
  { file_id }: H5File,
  path: string,
  name: string,
  shape: readonly number[],
): Float32Array {
  const bytes = 4 * shape.reduce((product, extent) => product * extent, 1)
  const pointer = module._malloc(bytes)
  if (pointer === 0) throw new FormatError(`${name} does not fit into the memory`)
  const status = module.get_dataset_data(file_id, path, null, null, null, BigInt(pointer))
  if (status < 0)
    throw new FormatError(`${name} cannot be read: stored damaged, elsewhere, or through a filter other than gzip`)
  const values = new Float32Array(module.HEAPU8.slice(pointer, pointer + bytes).buffer)
  module._free(pointer)
  return values
}
