import type { JobResult } from '../../src/contracts/training-job.js'

/** A finished job with known figures. */
export function jobResult(changes: Partial<JobResult> = {}): JobResult {
  return {
    steps: 6000,
    epochs: 10,
    parameters: 266_610,
    train: { loss: 0.01, accuracy: 0.999 },
    validation: null,
    test: { loss: 0.06, accuracy: 0.9834 },
    clippedStepShare: 0.125,
    nonFiniteSteps: 0,
    sparsity: 0.9,
    perLayerSparsity: [
      { layer: 'dense-1', weights: 235_200, removed: 217_560, sparsity: 0.925 },
      { layer: 'dense-2', weights: 30_000, removed: 21_510, sparsity: 0.717 },
    ],
    bytes: { dense: 1_066_440, gzip: 150_000, sparse: 139_000 },
    quantized: [],
    best: null,
    weightsSha256: 'ab'.repeat(32),
    msPerStep: 2.5,
    pins: { tensorflow: '2.21.0', device: 'cpu', intraOpThreads: 2, oneDnn: true, xla: false, seed: 7 },
    ...changes,
  }
}
