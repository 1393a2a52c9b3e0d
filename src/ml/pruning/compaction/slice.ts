import type { StoredTensor, StoredTensors, TensorValues } from '../../../formats/safetensors.js'
import type { Units } from '../../../planning/units/units.js'

/** What stays along an axis; null: all. */
type Selection = readonly ({ readonly indexes: Int32Array; readonly of: number } | null)[]

/** Adafactor's means lack an axis of their weight, counted from −1 backwards. */
const LACKING = { 'adafactor.row': -1, 'adafactor.column': -2 } as const

/**
 * Weights and what belongs to them without the removed units. By name: `<weight>`; `<weight>/<slot>` and `<optimizer>.<slot>/<weight>`, which
 * are shaped like it; Adafactor's means, which lack one axis. Whatever has another name passes as it is.
 */
export function sliceState(units: Units, state: StoredTensors, removed: Uint8Array): StoredTensors {
  const selections = selectionsOf(units, removed)
  const slicedOf = (name: string, tensor: StoredTensor): StoredTensor => {
    const [first = '', second = '', ...rest] = name.split('/')
    const own = selections.get(`${first}/${second}`)
    if (own) return sliced(tensor, own)
    const owner = selections.get([second, ...rest].join('/'))
    if (!owner) return tensor
    return first in LACKING ? slicedMean(tensor, owner, LACKING[first as keyof typeof LACKING]) : sliced(tensor, owner)
  }
  return Object.fromEntries(Object.entries(state).map(([name, tensor]) => [name, slicedOf(name, tensor)]))
}

function selectionsOf({ layers }: Units, removed: Uint8Array): Map<string, Selection> {
  const selectionOf = (units: Int32Array) => {
    const indexes = Int32Array.from(units.keys()).filter((index) => removed[units[index] ?? 0] === 0)
    return indexes.length === units.length ? null : { indexes, of: units.length }
  }
  return new Map(
    layers.flatMap(({ axes }) =>
      Object.entries(axes).map(([name, tied]) => [name, tied.map((axis) => axis && selectionOf(axis.units))] as const),
    ),
  )
}

function sliced({ type, shape, values }: StoredTensor, selection: Selection): StoredTensor {
  let [extents, kept]: [readonly number[], TensorValues] = [shape, values]
  selection.forEach((axis, place) => {
    if (axis) [extents, kept] = [extents.with(place, axis.indexes.length), along(kept, extents, place, axis.indexes)]
  })
  return { type, shape: extents, values: kept }
}

/** A mean over entries of which some go becomes one over the rest; those that go counted 0, as the gradients of removed weights are. */
function slicedMean(tensor: StoredTensor, selection: Selection, lacking: number): StoredTensor {
  const place = selection.length + lacking
  const { shape, values } = sliced(tensor, selection.toSpliced(place, 1))
  const axis = selection[place]
  const factor = axis ? axis.of / axis.indexes.length : 1
  return { type: 'float32', shape, values: Float32Array.from(values, (value) => value * factor) }
}

function along(values: TensorValues, shape: readonly number[], axis: number, indexes: Int32Array): TensorValues {
  const extent = shape[axis] ?? 1
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1)
  const outer = values.length / (extent * inner)
  const kept = values.slice(0, outer * indexes.length * inner)
  for (let block = 0; block < outer; block++)
    indexes.forEach((index, place) => {
      const from = (block * extent + index) * inner
      kept.set(values.subarray(from, from + inner), (block * indexes.length + place) * inner)
    })
  return kept
}
