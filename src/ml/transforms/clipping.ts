import type { ClippingSpec } from '../../contracts/clipping.js'
import type { ClippingMode } from '../../contracts/clipping-modes.js'
import type { Shaped } from '../optimizers/optimizer.js'
import { clipByMovingNorms } from './ada-gc.js'
import { clipAdaptively, type UnitAxes, unitAxes } from './adaptive.js'
import { type Arithmetic, exact } from './arithmetic.js'
import { clipByHistory } from './auto.js'
import { clipByGlobalNorm, withoutClipping } from './global-norm.js'
import { selectionOf } from './selection.js'
import { withShadows } from './shadow.js'
import { clipByBlockRms, clipByNorm } from './tensor-norm.js'
import { baseThreshold } from './threshold.js'
import type { GradientTransformation } from './transformation.js'
import { clipByValue } from './value.js'
import { clipByZScore } from './z-score.js'

/**
 * The transformation that a spec asks for, with its shadows; `params` are the weights in the order in which their gradients come.
 * `axesOf`: the units of the mode `adaptive`. What `info` holds: `infoOf`, and `shadow` if there are any. The threshold of a step: `thresholdAt`.
 * @throws SPEC_INVALID if include and exclude leave no weight to clip.
 */
export function makeClipping(
  spec: ClippingMode & Partial<Pick<ClippingSpec, 'shadow'>>,
  params: Shaped,
  arithmetic: Arithmetic = exact,
  axesOf: UnitAxes = unitAxes,
): GradientTransformation {
  const shadows = (spec.shadow ?? []).map((mode) => ({
    mode: makeMode(mode, params, arithmetic, axesOf),
    threshold: baseThreshold(mode),
  }))
  return withShadows(makeMode(spec, params, arithmetic, axesOf), shadows)
}

function makeMode(
  spec: ClippingMode,
  params: Shaped,
  arithmetic: Arithmetic,
  axesOf: UnitAxes,
): GradientTransformation {
  const selection = selectionOf(spec.mode === 'none' ? { include: ['*'], exclude: [] } : spec, params)
  switch (spec.mode) {
    case 'none':
      return withoutClipping(selection, arithmetic)
    case 'value':
      return clipByValue(selection, arithmetic)
    case 'norm':
      return clipByNorm(selection, arithmetic)
    case 'global-norm':
      return clipByGlobalNorm(selection, arithmetic, spec.p)
    case 'block-rms':
      return clipByBlockRms(selection, arithmetic)
    case 'adaptive':
      return clipAdaptively(selection, spec.epsilon, axesOf, arithmetic)
    case 'auto':
      return clipByHistory(selection, arithmetic, spec.historySize)
    case 'z-score':
      return clipByZScore(selection, arithmetic, spec)
    case 'ada-gc':
      return clipByMovingNorms(selection, arithmetic, spec)
  }
}
