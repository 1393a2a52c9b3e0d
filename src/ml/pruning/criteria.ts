import type { CriterionName } from '../../contracts/pruning.js'

export interface CriterionInput {
  /** Values of the parameter, row-major. */
  readonly param: Float32Array
}

/** Scores shaped like the parameter; higher = keep. */
export type Criterion = (input: CriterionInput) => Float32Array

/** |w|: small weights matter least. @see Han et al., "Learning both weights and connections for efficient neural networks", 2015. */
export const magnitude: Criterion = ({ param }) => param.map(Math.abs)

export const CRITERIA = { magnitude } satisfies Record<CriterionName, Criterion>
