import type { PruningReport } from '../contracts/pruning-report.js'

type Figures = Omit<PruningReport, 'verdicts'>

/** What the figures of a report mean, in sentences. */
export function judgePruning(figures: Figures): string[] {
  const { certificate, compaction } = figures
  return [
    ...weights(figures),
    ...missed(figures),
    ...emptied(figures),
    ...(compaction === null ? unchanged(figures) : smaller(figures)),
    ...(certificate === null ? [] : [evidence(certificate)]),
  ]
}

function weights({ sparsity, parameters, bytes }: Figures): string[] {
  const { raw } = bytes.dense
  const { gzip, sparse } = bytes.delivered
  const [form, size] = sparse < gzip ? ['the sparse container', sparse] : ['gzipped safetensors', gzip]
  const compared = size < raw ? `${ratio(raw / size)} smaller than` : 'no smaller than'
  return [
    `${percent(sparsity)} of the prunable weights are removed; of ${parameters.dense} parameters ${parameters.nonZero} are not 0.`,
    `The smallest file of float32 weights is ${form}: ${size} bytes, ${compared} the dense network as safetensors (${raw}; gzipped ${bytes.dense.gzip}).`,
  ]
}

/** Counts are rounded for each weight or group by itself; what lies further from what was asked is said. */
function missed({ pruning, pieces, layers }: Figures): string[] {
  if (pieces === null || pieces.asked === null) return []
  // These reach a sum of weights, which units and blocks of different sizes do not share out alike.
  if (pruning.distribution !== 'uniform' && pruning.granularity.kind !== 'element') return []
  const { asked, total, removed } = pieces
  const roundings = layers.filter((layer) => layer.sparsity !== null).length
  if (Math.abs(removed - asked * total) <= Math.max(1, roundings)) return []
  const why =
    removed < asked * total
      ? 'roundTo, layerSparsity.max or what always stays of each layer keeps more'
      : 'layerSparsity.min removes more'
  return [
    `Asked were ${percent(asked)} of ${total} pieces, but ${removed} are removed (${percent(removed / total)}): ${why}.`,
  ]
}

function emptied({ layers }: Figures): string[] {
  const names = layers.filter((layer) => layer.sparsity === 1).map(({ layer }) => layer)
  if (names.length === 0) return []
  return [
    `No weight is left of ${names.join(', ')}: what it gives no longer depends on its inputs. Take a smaller sparsity, or layerSparsity.max.`,
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
