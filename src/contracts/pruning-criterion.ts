/** What a score is made of: weights alone, gradients or activations over calibration rows, or gradients of all steps so far. */
export type CriterionNeeds = 'weights' | 'gradients' | 'activations' | 'training'
/** What can be scored: single weights, whole units only, or the one as well as the other. */
export type CriterionScores = 'elements' | 'units'

interface CriterionFacts {
  readonly needs: CriterionNeeds
  /** Scores of `elements` are pooled to those of units and blocks. */
  readonly scores: CriterionScores
  /** Scores of layers can be ranked together as they are. */
  readonly comparable: boolean
  readonly description: string
}

/** Scores that weights and units can be ranked by; the lowest are removed. */
export const CRITERIA = {
  magnitude: { needs: 'weights', scores: 'elements', comparable: true, description: '|w| (Han et al., 2015)' },
  random: { needs: 'weights', scores: 'elements', comparable: true, description: 'drawn by the seed: the baseline' },
  lamp: {
    needs: 'weights',
    scores: 'elements',
    comparable: true,
    description: 'w² / Σ v² over the |v| ≥ |w| of the same tensor (Lee et al., 2021)',
  },
  synflow: {
    needs: 'weights',
    scores: 'elements',
    comparable: true,
    description: '|w · ∂R/∂w| of R, the sum of the outputs of |weights| on ones (Tanaka et al., 2020)',
  },
  gradient: { needs: 'gradients', scores: 'elements', comparable: true, description: '|g|, g of the mean loss' },
  taylor: {
    needs: 'gradients',
    scores: 'elements',
    comparable: true,
    description: '|w · g|, what removing w changes of the loss to first order (Molchanov et al., 2019)',
  },
  snip: {
    needs: 'gradients',
    scores: 'elements',
    comparable: true,
    description: '|w · g| / Σ |w · g| over all; meant for beginStep 0 (Lee et al., 2019)',
  },
  obd: {
    needs: 'gradients',
    scores: 'elements',
    comparable: true,
    description: '½ · h · w², h the diagonal of the empirical Fisher matrix, from batch gradients (LeCun et al., 1990)',
  },
  movement: {
    needs: 'training',
    scores: 'elements',
    comparable: true,
    description: '−Σ w · g over the steps so far (Sanh et al., 2020)',
  },
  wanda: {
    needs: 'activations',
    scores: 'elements',
    comparable: false,
    description: '|w| · ‖x‖₂, x the input of the connection (Sun et al., 2024)',
  },
  activation: { needs: 'activations', scores: 'units', comparable: false, description: 'mean |a| of the unit' },
  apoz: {
    needs: 'activations',
    scores: 'units',
    comparable: true,
    description: 'share of outputs of the unit that are not 0 (1 − APoZ; Hu et al., 2016)',
  },
  'batch-norm-scale': {
    needs: 'weights',
    scores: 'units',
    comparable: true,
    description: '|γ| of the batch normalization after the unit (Liu et al., 2017)',
  },
  fpgm: {
    needs: 'weights',
    scores: 'units',
    comparable: false,
    description: 'sum of distances to the other units of the layer (He et al., 2019)',
  },
} as const satisfies Record<string, CriterionFacts>

/** Names of the scores that weights and units can be ranked by. */
export type CriterionName = keyof typeof CRITERIA
export const CRITERION_NAMES = Object.keys(CRITERIA) as CriterionName[]
