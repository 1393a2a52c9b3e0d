/** Counts of gradients that were not finite. */
export interface NonFiniteCounts {
  readonly consecutive: number
  readonly total: number
}

/**
 * Policy `skip` by consecutive errors, as `apply_if_finite` of optax: an update is applied if its gradients are finite, or if more than
 * `maxConsecutive` in a row were not: then NaN reaches the weights, for the caller to see.
 */
export function afterGradient(
  { consecutive, total }: NonFiniteCounts,
  finite: boolean,
  maxConsecutive: number,
): NonFiniteCounts & { readonly isApplied: boolean } {
  if (finite) return { consecutive: 0, total, isApplied: true }
  return { consecutive: consecutive + 1, total: total + 1, isApplied: consecutive + 1 > maxConsecutive }
}

/** A power of two that the loss is multiplied by, so that small gradients survive in short floats; and finite steps since it changed. */
export interface LossScale {
  readonly scale: number
  readonly finiteSteps: number
}

/**
 * Dynamic loss scaling: after `growthSteps` finite steps in a row the scale doubles, after a step that is not finite it is halved, and
 * that step is not applied.
 * @see Micikevicius et al., "Mixed precision training", 2018.
 */
export function nextLossScale({ scale, finiteSteps }: LossScale, finite: boolean, growthSteps: number): LossScale {
  if (!finite) return { scale: scale / 2, finiteSteps: 0 }
  if (finiteSteps + 1 < growthSteps) return { scale, finiteSteps: finiteSteps + 1 }
  return { scale: scale * 2, finiteSteps: 0 }
}
