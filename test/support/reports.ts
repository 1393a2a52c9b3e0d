import type { ClippingReport } from '../../src/contracts/clipping-report.js'

/** A report of a job without clipping, after `steps` steps of which nothing is known. */
export function emptyReport(steps: number): ClippingReport {
  return {
    clipping: {
      mode: 'none',
      thresholdSchedule: { kind: 'constant' },
      onNonFinite: 'fail',
      learningRateFactor: 0.5,
      shadow: [],
    },
    steps,
    plannedSteps: 1000,
    measuredSteps: steps,
    engagement: { rate: 0, steps: 0, firstStep: null, lastStep: null, longestRun: 0, overTime: [] },
    norm: null,
    scale: { whileEngaged: null, meanEffective: 1 },
    threshold: null,
    cosine: null,
    layers: [],
    dominantLayers: [],
    nonFinite: { count: 0, policy: 'fail' },
    shadows: [],
    verdicts: [{ code: 'no-steps', severity: 'info', text: 'No step has been seen yet.' }],
  }
}
