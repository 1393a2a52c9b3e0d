import type { ClippingSpec } from '../../contracts/clipping.js'
import type { LayerClipping } from '../../contracts/clipping-report.js'
import type { Outputs } from '../engine/types.js'
import { isUneven, turnsLayers } from '../transforms/figures.js'
import type { JointChange } from './joint.js'
import { vectorOf } from './outputs.js'
import { makeSketch, type SketchState } from './sketch.js'

/** A layer and the places of its tensors in the vectors of a step. */
export interface LayerTensors {
  readonly name: string
  readonly tensors: readonly number[]
  /** Elements in all of them. */
  readonly size: number
}

/** Sums over the steps of one layer, as plain JSON. */
export interface LayerState {
  readonly engaged: number
  readonly shares: number
  readonly scales: number
  readonly clippedShares: number
  readonly cosines: number
  readonly norms: SketchState
}

/** Sums over the steps of all layers; `measured` counts those whose changes are in them, `shareSteps` those whose norm was not 0. */
export interface LayersState {
  readonly steps: number
  readonly measured: number
  readonly shareSteps: number
  readonly layers: readonly LayerState[]
}

/** What the last step did to each layer, in their order; all but `norm` and `engaged` are of the last step that was measured. */
interface LastStep {
  readonly norm: Float64Array
  readonly normAfter: Float64Array
  readonly scale: Float64Array
  readonly engaged: Float64Array
  readonly clippedShare: Float64Array
  readonly cosine: Float64Array
}

export interface LayerAccounts {
  /** @returns What the step did to all layers together; null if it is not `measured`. */
  add(outputs: Outputs, measured: boolean): JointChange | null
  readonly last: LastStep
  figures(): LayerClipping[]
  state(): LayersState
}

/**
 * Tensors joined to layers: norm = √Σ n², scale = norm after / norm before, engaged if one of the tensors was changed. In float64 the square
 * of a float32 neither overflows nor underflows.
 * @param mode Of `value` and `adaptive` the step says `tensorEngaged`, and if it is measured `tensorNormsAfter`, `tensorCosines` and `tensorClipped`.
 */
export function makeLayerAccounts(
  layers: readonly LayerTensors[],
  mode: ClippingSpec['mode'],
  state?: LayersState,
): LayerAccounts {
  const uneven = isUneven(mode)
  const turning = turnsLayers(mode)
  const tensors = layers.reduce((sum, layer) => sum + layer.tensors.length, 0)
  const sums = layers.map((_, index) => {
    const { norms, ...before } = state?.layers[index] ?? EMPTY
    return { ...before, norms: norms === null ? makeSketch() : makeSketch(norms) }
  })
  let { steps, measured, shareSteps } = state ?? { steps: 0, measured: 0, shareSteps: 0 }
  const vector = () => new Float64Array(layers.length)
  const last: LastStep = {
    norm: vector(),
    normAfter: vector(),
    scale: vector(),
    engaged: vector(),
    clippedShare: vector(),
    cosine: vector(),
  }
  const mean = (sum: number, count: number) => Math.min(1, sum / Math.max(1, count))

  /** Norms and engagement. @returns Σ n² */
  function addNorms(outputs: Outputs): number {
    const norms = vectorOf(outputs, 'tensorNorms', tensors)
    const changes = vectorOf(outputs, uneven ? 'tensorEngaged' : 'tensorScales', tensors)
    const unchanged = uneven ? 0 : 1
    let total = 0
    layers.forEach((layer, l) => {
      let square = 0
      let isChanged = false
      for (const tensor of layer.tensors) {
        square += (norms[tensor] ?? 0) ** 2
        if (changes[tensor] !== unchanged) isChanged = true
      }
      last.norm[l] = Math.sqrt(square)
      last.engaged[l] = isChanged ? 1 : 0
      total += square
    })
    sums.forEach((sum, l) => {
      const norm = last.norm[l] ?? 0
      sum.norms.add(norm)
      sum.engaged += last.engaged[l] ?? 0
      if (total > 0) sum.shares += (norm * norm) / total
    })
    steps++
    if (total > 0) shareSteps++
    return total
  }

  /** What became of the norms, whose squares add up to `total`. */
  function addChanges(outputs: Outputs, total: number): JointChange {
    const norms = vectorOf(outputs, 'tensorNorms', tensors)
    const scales = vectorOf(outputs, 'tensorScales', tensors)
    const after = uneven ? vectorOf(outputs, 'tensorNormsAfter', tensors) : null
    const cosines = uneven ? vectorOf(outputs, 'tensorCosines', tensors) : null
    const clipped = uneven ? vectorOf(outputs, 'tensorClipped', tensors) : null
    let totalAfter = 0
    let totalDot = 0
    layers.forEach((layer, l) => {
      let square = 0
      let dot = 0
      let elements = 0
      for (const tensor of layer.tensors) {
        const norm = norms[tensor] ?? 0
        const normAfter = after?.[tensor] ?? norm * (scales[tensor] ?? 1)
        square += normAfter * normAfter
        dot += norm * normAfter * (cosines?.[tensor] ?? 1)
        elements += clipped?.[tensor] ?? 0
      }
      const norm = last.norm[l] ?? 0
      const normAfter = Math.sqrt(square)
      last.normAfter[l] = normAfter
      last.scale[l] = norm > 0 ? Math.min(1, normAfter / norm) : 1
      last.clippedShare[l] = elements / layer.size
      last.cosine[l] = cosine(dot, norm * normAfter)
      totalAfter += square
      totalDot += dot
    })
    sums.forEach((sum, l) => {
      sum.scales += last.scale[l] ?? 1
      if (uneven) sum.clippedShares += last.clippedShare[l] ?? 0
      if (turning) sum.cosines += last.cosine[l] ?? 1
    })
    measured++
    return {
      normAfter: Math.sqrt(totalAfter),
      scale: total > 0 ? Math.min(1, Math.sqrt(totalAfter / total)) : 1,
      cosine: cosine(totalDot, Math.sqrt(total) * Math.sqrt(totalAfter)),
    }
  }

  return {
    last,
    add(outputs, measured) {
      const total = addNorms(outputs)
      return measured ? addChanges(outputs, total) : null
    },
    figures: () =>
      layers.map(({ name }, l) => {
        const { norms, engaged, shares, scales, clippedShares, cosines } = sums[l] ?? { ...EMPTY, norms: makeSketch() }
        return {
          layer: name,
          engagement: mean(engaged, steps),
          norm: norms.summary(),
          normShare: mean(shares, shareSteps),
          meanScale: measured > 0 ? mean(scales, measured) : 1,
          clippedShare: uneven ? mean(clippedShares, measured) : null,
          meanCosine: turning ? (measured > 0 ? mean(cosines, measured) : 1) : null,
        }
      }),
    state: () => ({
      ...{ steps, measured, shareSteps },
      layers: sums.map(({ norms, ...sum }) => ({ ...sum, norms: norms.state() })),
    }),
  }
}

function cosine(dot: number, lengths: number): number {
  return lengths > 0 ? Math.min(1, dot / lengths) : 1
}

const EMPTY = { engaged: 0, shares: 0, scales: 0, clippedShares: 0, cosines: 0, norms: null }
