import type { LayerSensitivity, SensitivityPoint, SensitivityReport } from '../../contracts/sensitivity-report.js'
import type { SensitivityScan } from '../../contracts/sensitivity-scan.js'
import type { StoredTensors } from '../../formats/safetensors.js'
import { scanPruning } from '../../planning/scan.js'
import { isReached, type ScannedLayer, weightsOf } from './layers.js'
import { curveOf, dropOf, judgedBy, type Measurement, toleratedOf } from './measurements.js'
import { judgeLayer, judgeScan } from './verdicts.js'

/** What a scan was made on. */
export interface Scanned {
  readonly scan: SensitivityScan
  readonly layers: readonly ScannedLayer[]
  /** Of the dense network. */
  readonly weights: StoredTensors
  readonly evaluatedOn: SensitivityReport['evaluatedOn']
  readonly rows: number
}

/** The report of a scan that is done: `done` holds all of its measurements, in the order of `nextSparsities`. */
export function makeSensitivityReport(scanned: Scanned, done: readonly Measurement[]): SensitivityReport {
  const { scan, layers, evaluatedOn, rows } = scanned
  const [dense, last] = [done[0], done.at(-1)]
  if (!dense?.means || !last) throw new Error('a scan begins with the dense network')
  const effectOf = (measured: Measurement) => ({ ...measured, drop: dropOf(dense, measured) })
  const curve = (place: number, own: readonly ScannedLayer[]) => {
    const points = curveOf(scan, done, place).map(
      (measured, index): SensitivityPoint => ({ sparsity: scan.sparsities[index] ?? 0, ...effectOf(measured) }),
    )
    const drops = points.map(({ drop }) => drop)
    return { ...countsOf(own, scanned), points, tolerated: toleratedOf(drops, scan), meanDrop: meanOf(drops) }
  }
  const unit = judgedBy(dense)
  const described = layers.map((layer, place): LayerSensitivity => {
    const own = curve(place, [layer])
    const pieces = layer.scored.reduce((sum, each) => sum + each.pieces.count, 0)
    return { layer: layer.name, pieces, ...own, verdict: judgeLayer(own, scan, unit) }
  })
  const together = curve(layers.length, layers)
  const ranked = [...described].sort(bySensitivity).map(({ layer }) => layer)
  const suggested = scan.sparsities.findLast((each) => each <= together.tolerated && isReached(layers, each))
  const figures: Omit<SensitivityReport, 'verdicts'> = {
    ...{ scan, evaluatedOn, rows, judgedBy: unit, dense: dense.means },
    layers: described,
    together,
    advised: { sparsity: last.removed / together.weights, ...effectOf(last) },
    mostSensitive: ranked[0] ?? '',
    leastSensitive: ranked.at(-1) ?? '',
    suggestion: suggested === undefined ? null : scanPruning(scan, suggested),
  }
  return { ...figures, verdicts: judgeScan(figures) }
}

function countsOf(layers: readonly ScannedLayer[], { weights }: Scanned) {
  const own = Object.entries(weightsOf(layers))
  let zeros = 0
  for (const [name] of own) for (const value of weights[name]?.values ?? []) if (value === 0) zeros++
  return { weights: own.reduce((sum, [, size]) => sum + size, 0), zeros }
}

function meanOf(drops: readonly (number | null)[]): number | null {
  const finite = drops.flatMap((drop) => (drop === null ? [] : [drop]))
  return finite.length < drops.length ? null : finite.reduce((sum, drop) => sum + drop, 0) / finite.length
}

/** Least tolerant first; a curve with a loss that is not finite before those that drop. */
function bySensitivity(one: LayerSensitivity, other: LayerSensitivity): number {
  const dropOf = ({ meanDrop }: LayerSensitivity) => meanDrop ?? Number.MAX_VALUE
  return one.tolerated - other.tolerated || dropOf(other) - dropOf(one)
}
