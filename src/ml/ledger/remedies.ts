import type { ClippingSpec, ShadowSpec } from '../../contracts/clipping.js'
import type { ClippingModeName } from '../../contracts/clipping-modes.js'
import type { LayerClipping, Quantiles } from '../../contracts/clipping-report.js'
import type { OptimizerKind, OptimizerSpec } from '../../contracts/optimizer.js'
import { matchesAny } from '../../planning/patterns.js'
import { quoted, show } from './words.js'

/** Steps without which no quantile is given as advice: of fewer, the 90 % quantile is one of the two largest. */
export const ENOUGH_STEPS = 20

/** Optimizers whose update of an element, but for their epsilon, is the same when all its gradients are multiplied by one number. */
const SCALE_FREE: Partial<Record<OptimizerKind, string>> = {
  rmsprop: 'RMSprop',
  adagrad: 'Adagrad',
  adadelta: 'Adadelta',
  adam: 'Adam',
  adamw: 'AdamW',
  adamax: 'Adamax',
  nadam: 'Nadam',
  lion: 'Lion',
  adafactor: 'Adafactor',
}

/** The optimizer by name if it does not see the scale of gradients, else null. */
export function scaleFree({ kind, l2 }: Pick<OptimizerSpec, 'kind' | 'l2'>): string | null {
  // A coupled L2 penalty is added after clipping, so next to it the scale of the gradient does count.
  return l2 > 0 ? null : (SCALE_FREE[kind] ?? null)
}

/** Modes that give all tensors one factor. */
export function isJoint(mode: ClippingModeName): boolean {
  return mode === 'global-norm' || mode === 'auto' || mode === 'z-score'
}

/** The field that decides how often a mode engages, and its value. */
export function boundOf(spec: ClippingSpec | ShadowSpec): { field: string; value: number } | null {
  switch (spec.mode) {
    case 'none':
      return null
    case 'value':
      return { field: 'maxValue', value: spec.maxValue }
    case 'norm':
    case 'global-norm':
      return { field: 'maxNorm', value: spec.maxNorm }
    case 'block-rms':
      return { field: 'maxRms', value: spec.maxRms }
    case 'adaptive':
      return { field: 'clipFactor', value: spec.clipFactor }
    case 'auto':
      return { field: 'percentile', value: spec.percentile }
    case 'z-score':
      return { field: 'zThreshold', value: spec.zThreshold }
    case 'ada-gc':
      return { field: 'growthFactor', value: spec.growthFactor }
  }
}

/** A threshold of the joint norm that a tenth of the steps exceed; null where the mode has none, or too few steps were seen. */
export function jointSuggestion(spec: ClippingSpec | ShadowSpec, steps: number, norm: Quantiles): number | null {
  if (steps < ENOUGH_STEPS || spec.mode !== 'global-norm' || spec.p !== 2) return null
  return spec.include.includes('*') && spec.exclude.length === 0 ? norm.q90 : null
}

/** How to make a mode engage less often, as a sentence with a blank before it. */
export function remedyOf(
  spec: ClippingSpec | ShadowSpec,
  { steps, norm, layers }: { steps: number; norm: Quantiles; layers: readonly LayerClipping[] },
): string {
  const joint = jointSuggestion(spec, steps, norm)
  if (joint !== null) return ` At ${show(joint)} (the 90 % quantile of the norm) it would engage in 10 % of the steps.`
  const largest = spec.mode === 'norm' && steps >= ENOUGH_STEPS ? largestOf(layers, spec) : null
  if (largest !== null)
    return ` At ${show(largest.q90)} (the largest 90 % quantile of a layer's norm, that of ${quoted(largest.layer)}) no tensor would be cut in more than 10 % of the steps.`
  if (spec.mode === 'auto')
    return ` At percentile 90 (it is ${show(spec.percentile)}) it engages in about 10 % of the steps.`
  const bound = boundOf(spec)
  if (bound === null) return ''
  const layersToo = spec.mode === 'adaptive' && spec.exclude.length === 0 ? '; the output layer is best excluded' : ''
  return ` A higher ${bound.field} (it is ${show(bound.value)}) cuts less often${layersToo}.`
}

/** Of the layers that are clipped the one whose norm is the largest but for a tenth of the steps. */
function largestOf(
  layers: readonly LayerClipping[],
  { include, exclude }: { readonly include: readonly string[]; readonly exclude: readonly string[] },
): { layer: string; q90: number } | null {
  return layers
    .filter(({ layer }) => matchesAny(include, layer) && !matchesAny(exclude, layer))
    .map(({ layer, norm }) => ({ layer, q90: norm?.q90 ?? 0 }))
    .reduce<{ layer: string; q90: number } | null>((most, one) => (most && most.q90 >= one.q90 ? most : one), null)
}
