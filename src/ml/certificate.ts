import type { Certificate } from '../contracts/certificate.js'
import type { DatasetTarget } from '../contracts/dataset.js'
import type { EnginePins } from '../contracts/engine-pins.js'
import { encodeSafetensors, type StoredTensors } from '../formats/safetensors.js'
import { encodeWeights, sha256 } from './export.js'
import type { Model } from './models/model.js'
import { changedPredictions, type Outputs, predict } from './predict.js'

/** Rounding of float32 sums in another order. */
const TOLERANCE = 1e-5

/** A network and its weights. */
export interface Network {
  readonly model: Model
  readonly weights: StoredTensors
}

/** Examples to compare on. */
export interface Witnesses {
  readonly examples: StoredTensors
  readonly split: Certificate['split']
  readonly target: DatasetTarget
}

/** Applies both networks to the examples and compares what they give. */
export function certify(
  masked: Network,
  compact: Network,
  { examples, split, target }: Witnesses,
  { step, pins }: { readonly step: number; readonly pins: EnginePins },
): Certificate {
  const [before, after] = [masked, compact].map(({ model, weights }) => predict(model, weights, examples)) as [
    Outputs,
    Outputs,
  ] // two in, two out
  const largestDifference = relativeDifference(before.values, after.values)
  return {
    ...{ step, split, rows: before.rows, largestDifference, tolerance: TOLERANCE, pins },
    changedPredictions: changedPredictions(before, after, target),
    holds: largestDifference <= TOLERANCE,
    inputsSha256: sha256(encodeSafetensors(examples, {})),
    maskedSha256: sha256(encodeWeights(masked.weights)),
    compactSha256: sha256(encodeWeights(compact.weights)),
  }
}

/** Largest |b − a| divided by the largest |a|; the largest number there is if it is not finite. */
export function relativeDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new RangeError(`${a.length} outputs cannot be compared with ${b.length}`)
  let largest = 0
  let difference = 0
  for (let i = 0; i < a.length; i++) {
    const value = a[i] ?? 0
    largest = Math.max(largest, Math.abs(value))
    difference = Math.max(difference, Math.abs((b[i] ?? Number.NaN) - value))
  }
  const relative = largest === 0 ? difference : difference / largest
  return Number.isFinite(relative) ? relative : Number.MAX_VALUE
}
