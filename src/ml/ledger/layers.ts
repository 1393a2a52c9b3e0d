import type { LayerClipping } from '../../contracts/clipping-report.js'
import type { Outputs } from '../engine/types.js'
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

/** Sums over the steps of all layers; `shareSteps` counts the steps whose norm was not 0. */
export interface LayersState {
  readonly steps: number
  readonly shareSteps: number
  readonly layers: readonly LayerState[]
}

/** What the last step did to each layer, in their order. */
interface LastStep {
  readonly norm: Float64Array
  readonly normAfter: Float64Array
  readonly scale: Float64Array
  readonly engaged: Float64Array
  readonly clippedShare: Float64Array
  readonly cosine: Float64Array
}

export interface LayerAccounts {
  /** @returns Norm of all gradients after clipping / norm before; 1 where it is 0. */
  add(outputs: Outputs): number
  readonly last: LastStep
  figures(): LayerClipping[]
  state(): LayersState
}

/**
 * Tensors joined to layers: norm = √Σ n², scale = norm after / norm before, engaged if one of the tensors was changed. In float64 the square
 * of a float32 neither overflows nor underflows.
 * @param uneven Elements of a tensor get factors of their own: the step says `tensorNormsAfter`, `tensorCosines` and `tensorClipped`.
 */
export function makeLayerAccounts(
  layers: readonly LayerTensors[],
  uneven: boolean,
  state?: LayersState,
): LayerAccounts {
  const tensors = layers.reduce((sum, layer) => sum + layer.tensors.length, 0)
  const sums = layers.map((_, index) => {
    const { norms, ...before } = state?.layers[index] ?? EMPTY
    return { ...before, norms: norms === null ? makeSketch() : makeSketch(norms) }
  })
  let { steps, shareSteps } = state ?? { steps: 0, shareSteps: 0 }
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
  return {
    last,
    add(outputs) {
      const norms = vectorOf(outputs, 'tensorNorms', tensors)
      const scales = vectorOf(outputs, 'tensorScales', tensors)
      const after = uneven ? vectorOf(outputs, 'tensorNormsAfter', tensors) : null
      const cosines = uneven ? vectorOf(outputs, 'tensorCosines', tensors) : null
      const clipped = uneven ? vectorOf(outputs, 'tensorClipped', tensors) : null
      let total = 0
      let totalAfter = 0
      for (let l = 0; l < layers.length; l++) {
        const layer = layers[l]
        if (layer === undefined) continue
        let square = 0
        let squareAfter = 0
        let dot = 0
        let elements = 0
        let isChanged = false
        for (const tensor of layer.tensors) {
          const norm = norms[tensor] ?? 0
          const factor = scales[tensor] ?? 1
          const normAfter = after?.[tensor] ?? norm * factor
          square += norm * norm
          squareAfter += normAfter * normAfter
          dot += norm * normAfter * (cosines?.[tensor] ?? 1)
          elements += clipped?.[tensor] ?? 0
          if (clipped === null ? factor !== 1 : (clipped[tensor] ?? 0) > 0) isChanged = true
        }
        const norm = Math.sqrt(square)
        const normAfter = Math.sqrt(squareAfter)
        const lengths = norm * normAfter
        last.norm[l] = norm
        last.normAfter[l] = normAfter
        last.scale[l] = norm > 0 ? Math.min(1, normAfter / norm) : 1
        last.engaged[l] = isChanged ? 1 : 0
        last.clippedShare[l] = elements / layer.size
        last.cosine[l] = lengths > 0 ? Math.min(1, dot / lengths) : 1
        total += square
        totalAfter += squareAfter
      }
      steps++
      if (total > 0) shareSteps++
      sums.forEach((sum, l) => {
        const norm = last.norm[l] ?? 0
        sum.norms.add(norm)
        sum.engaged += last.engaged[l] ?? 0
        sum.scales += last.scale[l] ?? 1
        if (total > 0) sum.shares += (norm * norm) / total
        if (!uneven) return
        sum.clippedShares += last.clippedShare[l] ?? 0
        sum.cosines += last.cosine[l] ?? 1
      })
      return total > 0 ? Math.min(1, Math.sqrt(totalAfter / total)) : 1
    },
    figures: () =>
      layers.map(({ name }, l) => {
        const { norms, engaged, shares, scales, clippedShares, cosines } = sums[l] ?? { ...EMPTY, norms: makeSketch() }
        return {
          layer: name,
          engagement: mean(engaged, steps),
          norm: norms.summary(),
          normShare: mean(shares, shareSteps),
          meanScale: steps > 0 ? mean(scales, steps) : 1,
          clippedShare: uneven ? mean(clippedShares, steps) : null,
          meanCosine: uneven ? (steps > 0 ? mean(cosines, steps) : 1) : null,
        }
      }),
    state: () => ({
      steps,
      shareSteps,
      layers: sums.map(({ norms, ...sum }) => ({ ...sum, norms: norms.state() })),
    }),
  }
}

const EMPTY = { engaged: 0, shares: 0, scales: 0, clippedShares: 0, cosines: 0, norms: null }
