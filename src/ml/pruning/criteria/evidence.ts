import type { Shape } from '../../../planning/shape.js'

/** What is known of a weight when it is scored; row-major like its values. A criterion asks for what it needs. */
export interface WeightEvidence {
  readonly values: Float32Array
  readonly shape: Shape
  /** ∂ mean loss / ∂ weight over the calibration rows. */
  readonly gradient?: Float32Array
  /** Mean over the calibration batches of the square of their gradient: the diagonal of the empirical Fisher matrix. */
  readonly squaredGradient?: Float32Array
  /** −Σ w · g over the steps so far. */
  readonly movement?: Float32Array
  /** ∂R/∂|w|, R the sum of the outputs of the absolute weights on an input of ones. */
  readonly flow?: Float32Array
  /** ‖x‖₂ over the calibration rows of the input that each element is multiplied by. */
  readonly inputNorms?: Float32Array
}

/** What is known of the units of a group that are removed together; one entry a unit. */
export interface UnitEvidence {
  /** Mean |a| over the calibration rows, positions and consumers of what the unit gives to the layers that use it. */
  readonly meanActivation?: Float32Array
  /** Share of those that are not 0. */
  readonly activeShare?: Float32Array
  /** |γ| of the batch normalizations of the unit, in sum; absent where it has none. */
  readonly scales?: Float32Array
  /** Values of the weights that make the unit, one row a unit. */
  readonly incoming?: readonly Float32Array[]
}

/** @throws Error naming what a criterion lacks: a mistake of the caller, who collects what the criterion is said to need. */
export function evidenceOf<K extends string>(
  evidence: Readonly<Partial<Record<K, Float32Array>>>,
  kind: K,
): Float32Array {
  const values = evidence[kind]
  if (values === undefined) throw new Error(`a score needs ${kind}, which was not collected`)
  return values
}
