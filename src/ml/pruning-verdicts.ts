import type { PruningReport } from '../contracts/pruning-report.js'

type Figures = Omit<PruningReport, 'verdicts'>

/** What the figures of a report mean, in sentences. */
export function judgePruning(figures: Figures): string[] {
  const { certificate, compaction } = figures
  return [
    ...weights(figures),
    ...(compaction === null ? unchanged(figures) : smaller(figures)),
    ...(certificate === null ? [] : [evidence(certificate)]),
  ]
}

function weights({ sparsity, parameters, bytes }: Figures): string[] {
  const { raw } = bytes.dense
  const { gzip, sparse } = bytes.delivered
  const [form, size] = sparse < gzip ? ['the sparse container', sparse] : ['gzipped safetensors', gzip]
  return [
    `${percent(sparsity)} of the prunable weights are removed; of ${parameters.dense} parameters ${parameters.nonZero} are not 0.`,
    `The smallest file is ${form}: ${size} bytes, ${ratio(raw / size)} smaller than the dense ${raw}.`,
  ]
}

function unchanged({ pruning, parameters }: Figures): string[] {
  const why = pruning.compact ? 'no unit could be removed' : 'the network was not rebuilt (pruning.compact is false)'
  return [
    `In memory and in time nothing is saved: ${why}, so the network still has ${parameters.compact} parameters and does all its multiplications.`,
  ]
}

function smaller({ parameters, macs, latency }: Figures): string[] {
  const measured = (latency ?? []).map(
    ({ batch, verdict, denseMs, compactMs }) =>
      `Batch ${batch}: ${verdict} (${denseMs.median.toFixed(3)} → ${compactMs.median.toFixed(3)} ms).`,
  )
  return [
    `The rebuilt network has ${parameters.compact} parameters (${ratio(parameters.dense / parameters.compact)} fewer) and ${macs.compact} multiplications an example (${ratio(macs.dense / Math.max(1, macs.compact))} fewer).`,
    ...measured,
  ]
}

function evidence({
  holds,
  largestDifference,
  tolerance,
  changedPredictions,
  rows,
}: NonNullable<Figures['certificate']>) {
  const found = `over ${rows} examples its outputs differ from those of the masked network by at most ${largestDifference.toExponential(1)} of the largest, and ${changedPredictions} predictions change`
  return holds
    ? `It is the same network: ${found}.`
    : `It is NOT the same network within ${tolerance}: ${found}. Do not use it without a look at its accuracy.`
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))} %`
}

function ratio(times: number): string {
  return `×${times.toFixed(times < 10 ? 2 : 1)}`
}
