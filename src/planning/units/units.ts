import { INPUT, type Named, type Weights } from '../layers/connect.js'
import type { NamedModel } from '../presets.js'
import type { Shape } from '../shape.js'
import { describeLayers, type LayerDescription } from '../shapes.js'
import type { WeightAxis } from './assign.js'
import { type PlainLayer, unwrap } from './plain.js'
import { assignUnits } from './registry.js'
import { makeUnitSpace } from './space.js'

/** A layer with the unit that each channel belongs to. `time-distributed` is unwrapped: its layer stands here, with the shapes of a step. */
export interface UnitLayer {
  readonly layer: Named<PlainLayer>
  readonly inputs: LayerDescription['inputs']
  readonly inputShapes: readonly [Shape, ...Shape[]]
  readonly outputShape: Shape
  /** By full name. */
  readonly weights: Weights
  /** Unit of each index of the last axis of each input. */
  readonly sources: readonly [Int32Array, ...Int32Array[]]
  /** Unit of each index of the last axis of the output. */
  readonly output: Int32Array
  /** True for layers that make units, such as `dense`; false for those that pass on what they get, such as pooling and `add`. */
  readonly makesUnits: boolean
  /** By full name of the weight, an entry an axis; null where no unit is tied to the axis. */
  readonly axes: Readonly<Record<string, readonly (WeightAxis | null)[]>>
}

/**
 * What can be removed from a model. A unit is a set of channels, neurons or filters, of one layer or of several that are coupled (by a sum, a
 * depthwise convolution, …), which are kept or removed together; flattened, a channel is many indexes of one unit.
 */
export interface Units {
  readonly model: NamedModel
  readonly layers: readonly UnitLayer[]
  /** Units are numbered from 0, in the order of the model; the first are the features of the examples. */
  readonly count: number
  /** Units that are never removed, and why. */
  readonly pinned: ReadonlyMap<number, string>
}

/** Why a unit of the last layer stays. */
export const IS_OUTPUT = 'it is an output of the model'

/** @throws SPEC_INVALID if the layers do not connect, as `describeLayers`. */
export function analyzeUnits(model: NamedModel): Units {
  const space = makeUnitSpace()
  const features = space.fresh(model.inputShape.at(-1) ?? 1)
  space.pin(features, 'it is a feature of the examples')
  const outputs = new Map<string, Int32Array>([[INPUT, features]])
  const assigned = describeLayers(model).map((description, index) => {
    const { layer, ...shapes } = plainAt(model, index, description)
    const [first, ...others] = description.inputs
    const unitsOf = (name: string) => outputs.get(name) ?? features
    const inputs = [unitsOf(first), ...others.map(unitsOf)] as const
    const assignment = assignUnits(layer, { inputs, ...shapes, weights: shortNamed(description), space })
    outputs.set(layer.name, assignment.output)
    return { description, layer, shapes, inputs, assignment }
  })
  const { count, of, pinned } = space.resolve()
  const last = of(assigned.at(-1)?.assignment.output ?? features)
  const layers = assigned.map(({ description, layer, shapes, inputs: [first, ...others], assignment }): UnitLayer => {
    const axes = Object.keys(shortNamed(description)).map((name) => {
      const tied = assignment.axes[name] ?? []
      return [`${layer.name}/${name}`, tied.map((axis) => axis && { ...axis, units: of(axis.units) })] as const
    })
    return {
      layer,
      inputs: description.inputs,
      ...shapes,
      weights: description.weights,
      sources: [of(first), ...others.map(of)],
      output: of(assignment.output),
      makesUnits: assignment.makesUnits,
      axes: Object.fromEntries(axes),
    }
  })
  return { model, layers, count, pinned: new Map([...pinned, ...[...last].map((unit) => [unit, IS_OUTPUT] as const)]) }
}

function plainAt({ layers }: NamedModel, index: number, description: LayerDescription): ReturnType<typeof unwrap> {
  const layer = layers[index]
  if (!layer) throw new Error(`layer ${index} has a description but is not in the model`)
  return unwrap(layer, description)
}

function shortNamed({ name, weights }: LayerDescription): Weights {
  return Object.fromEntries(Object.entries(weights).map(([full, spec]) => [full.slice(name.length + 1), spec]))
}
