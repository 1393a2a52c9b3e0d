import type { JobResult } from '../../contracts/training-job.js'
import type { PlannedSpec } from '../../planning/planned-spec.js'

/** What goes along with a model, so that it can be told what it is; report.json has all the rest. */
export interface ModelCard {
  readonly generator: 'Espalier'
  readonly name: string | null
  readonly datasetId: string
  /** Of the features and labels that it was trained and tested on. */
  readonly dataSha256: string
  /** Of weights.safetensors. */
  readonly weightsSha256: string
  readonly seed: number
  readonly loss: string
  readonly clipping: PlannedSpec['clipping']
  readonly pruning: PlannedSpec['pruning'] | null
  readonly steps: number
  readonly sparsity: number
  readonly validation: JobResult['validation']
  readonly test: JobResult['test']
}

export function makeCard(spec: PlannedSpec, result: JobResult, dataSha256: string): ModelCard {
  const { name = null, datasetId, seed, loss, clipping, pruning = null } = spec
  const { weightsSha256, steps, sparsity, validation, test } = result
  return {
    ...{ generator: 'Espalier', name, datasetId, dataSha256, weightsSha256, seed, loss, clipping, pruning },
    ...{ steps, sparsity, validation, test },
  }
}
