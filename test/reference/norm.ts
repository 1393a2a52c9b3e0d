import type { Scalar } from '@tensorflow/tfjs-core'
import type { Tensors } from '../../src/ml/engine/types.js'
import { type NormOrder, scaledNorm, unscale } from '../../src/ml/transforms/norms.js'

/** The p-norm of all tensors together, as clipping computes and reports it. */
export function globalNorm(grads: Tensors, p: NormOrder): Scalar {
  const norm = scaledNorm(Object.values(grads), p)
  return unscale(norm, norm.scaled)
}
