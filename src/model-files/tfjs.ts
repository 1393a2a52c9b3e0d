import { FormatError } from '../formats/format-error.js'
import type { StoredTensor } from '../formats/safetensors.js'
import { tfjsNameOf } from '../planning/keras/weight-places.js'
import { checked, FORMATS, type ModelFile, readKerasTopology, weightsOf } from './model-file.js'
import { jsonOf } from './zip.js'

/**
 * The files of a layers model of TensorFlow.js, by name: one JSON file, and beside it those that its `weightsManifest` names. Quantized weights are refused.
 * @throws FormatError naming the layer, key or tensor at fault
 */
export function readTfjsArchive(archive: ReadonlyMap<string, Uint8Array>): ModelFile {
  const [name, ...others] = [...archive.keys()].filter((file) => file.endsWith('.json'))
  if (name === undefined) throw new FormatError(`the archive has no JSON file, so it is no model; ${FORMATS}`)
  if (others.length > 0)
    throw new FormatError(
      `the archive has ${others.length + 1} JSON files; it should have model.json and files of weights`,
    )
  const json = jsonOf(archive, name)
  const topology = memberOf(json, 'modelTopology')
  if (memberOf(json, 'format') === 'graph-model')
    throw new FormatError(`${name} is a graph model of TensorFlow.js, which is not read; ${FORMATS}`)
  if (topology === undefined)
    throw new FormatError(`${name} has no modelTopology, so it is no layers model; ${FORMATS}`)
  const { model, layers } = readKerasTopology(memberOf(topology, 'model_config') ?? topology)
  const folder = name.slice(0, name.lastIndexOf('/') + 1)
  const found = readManifest(memberOf(json, 'weightsManifest'), (path) => archive.get(folder + path))
  const weights = [...weightsOf(layers)].map(([ours, shape]) => {
    const theirs = tfjsNameOf(model, ours)
    const tensor = found.get(theirs)
    if (!tensor) throw new FormatError(`${ours} is missing: the manifest has no ${theirs}`)
    found.delete(theirs)
    return [ours, checked(ours, tensor, shape)] as const
  })
  if (found.size > 0) throw new FormatError(`no layer has the weights ${[...found.keys()].slice(0, 5).join(', ')}`)
  return { model, weights: Object.fromEntries(weights) }
}

function readManifest(manifest: unknown, read: (path: string) => Uint8Array | undefined): Map<string, StoredTensor> {
  const found = new Map<string, StoredTensor>()
  const used = new Set<unknown>()
  for (const group of listOf(manifest, 'weightsManifest')) {
    const parts = listOf(memberOf(group, 'paths'), 'weightsManifest.paths').map((path) => {
      if (typeof path !== 'string') throw new FormatError('a path of weightsManifest is not a text')
      const [part, shown] = [read(path), JSON.stringify(path.slice(0, 80))]
      if (!part) throw new FormatError(`weightsManifest names the file ${shown}, which is not in the archive`)
      if (used.has(path)) throw new FormatError(`weightsManifest names the file ${shown} twice`)
      used.add(path)
      return part
    })
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      bytes.set(part, at)
      at += part.length
    }
    at = 0
    for (const entry of listOf(memberOf(group, 'weights'), 'weightsManifest.weights')) {
      const { name, tensor, length } = readEntry(entry, bytes, at)
      if (found.has(name)) throw new FormatError(`weightsManifest has ${name} twice`)
      found.set(name, tensor)
      at += length
    }
    if (at !== bytes.length)
      throw new FormatError(`the files of weights have ${bytes.length - at} bytes that belong to no tensor`)
  }
  return found
}

function readEntry(
  entry: unknown,
  bytes: Uint8Array,
  at: number,
): { name: string; tensor: StoredTensor; length: number } {
  const [name, dtype, shape] = [memberOf(entry, 'name'), memberOf(entry, 'dtype'), memberOf(entry, 'shape')]
  if (typeof name !== 'string') throw new FormatError('a tensor of weightsManifest has no name')
  if (dtype !== 'float32' || memberOf(entry, 'quantization') !== undefined)
    throw new FormatError(`${name} is ${dtype === 'float32' ? 'quantized' : nameOf(dtype)}; weights are float32`)
  const isShape = Array.isArray(shape) && shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0)
  if (!isShape) throw new FormatError(`${name}: the shape is not a list of sizes`)
  const extents: number[] = shape
  const length = 4 * extents.reduce((product, extent) => product * extent, 1)
  if (!(at + length <= bytes.length)) throw new FormatError(`${name} lies beyond the end of the files of weights`)
  const values = new Float32Array(bytes.slice(at, at + length).buffer)
  return { name, tensor: { type: 'float32', shape: extents, values }, length }
}

/** Of a type as a file says it, which may be anything. */
function nameOf(dtype: unknown): string {
  return typeof dtype === 'string' ? dtype : 'of no named type'
}

function listOf(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw new FormatError(`${what} is not a list`)
  return value
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined
}
