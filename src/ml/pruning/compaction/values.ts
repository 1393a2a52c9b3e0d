import type { Shape } from '../../../planning/shape.js'
import type { UnitLayer } from '../../../planning/units/units.js'

/** A weight of a layer. */
export interface Values {
  readonly shape: Shape
  /** Row-major. */
  readonly values: Float32Array
}

/** A weight by its full name. */
export type ReadWeight = (name: string) => Float32Array

/**
 * For each index of a last axis the number that stands there whatever the examples are, at all positions and steps; NaN if there is none. In use,
 * not while training: batch normalization takes its moving statistics, and nothing is dropped.
 */
export type Constants = Float64Array

/** A layer with its weights and the constants of its inputs. */
export interface LayerValues extends Pick<UnitLayer, 'inputShapes' | 'outputShape'> {
  readonly inputs: readonly [Constants, ...Constants[]]
  /** By short name; null if the layer has none. */
  weight(name: string): Values | null
}

export function makeLayerValues(
  { layer, inputShapes, outputShape, weights }: UnitLayer,
  inputs: LayerValues['inputs'],
  read: ReadWeight,
): LayerValues {
  return {
    inputShapes,
    outputShape,
    inputs,
    weight(name) {
      const full = `${layer.name}/${name}`
      const spec = weights[full]
      return spec ? { shape: spec.shape, values: read(full) } : null
    },
  }
}

/** @throws Error if a weight that every such layer has is not there. */
export function required(layer: LayerValues, name: string): Values {
  const found = layer.weight(name)
  if (!found) throw new Error(`the layer has no weight '${name}'`)
  return found
}

export const varying = (count: number): Constants => new Float64Array(count).fill(Number.NaN)
export const channelsOf = (shape: Shape): number => shape.at(-1) ?? 1
