import type { SensitivityScan } from '../../contracts/sensitivity-scan.js'

/** Loss and metrics of one measurement. */
export interface Measurement {
  /** Weights that were removed for it. */
  readonly removed: number
  /** Null where the loss is not finite. */
  readonly means: Readonly<Record<string, number>> | null
}

/** Accuracy that is lost, or rise of the loss as a share of it; null where there is none. */
export type Drop = number | null

/** Rounding of a difference of two accuracies is no loss. */
const ROUNDING = 1e-9

/** What the drops of a scan are about. */
export function judgedBy(dense: Measurement): 'accuracy' | 'loss' {
  return dense.means?.accuracy === undefined ? 'loss' : 'accuracy'
}

export function dropOf(dense: Measurement, { means }: Measurement): Drop {
  if (means === null || dense.means === null) return null
  if (judgedBy(dense) === 'accuracy') return (dense.means.accuracy ?? 0) - (means.accuracy ?? 0)
  const loss = dense.means.loss ?? 0
  return ((means.loss ?? 0) - loss) / Math.max(Math.abs(loss), Number.EPSILON)
}

export function isTolerated(drop: Drop, { dropWithin }: Pick<SensitivityScan, 'dropWithin'>): boolean {
  return drop !== null && drop <= dropWithin + ROUNDING
}

/** The highest sparsity up to which every drop is tolerated; 0 for none. `drops`: by the sparsities of the scan. */
export function toleratedOf(drops: readonly Drop[], scan: SensitivityScan): number {
  const first = drops.findIndex((drop) => !isTolerated(drop, scan))
  return scan.sparsities[(first < 0 ? drops.length : first) - 1] ?? 0
}

/** The measurements of layer `place`, by sparsity; the place after the last layer is that of all layers together. */
export function curveOf({ sparsities }: SensitivityScan, done: readonly Measurement[], place: number): Measurement[] {
  const begin = 1 + place * sparsities.length
  return done.slice(begin, begin + sparsities.length)
}

/** The sparsity of each layer in the measurement after those that are `done`: dense, layer by layer, together, as tolerated. */
export function nextSparsities(scan: SensitivityScan, layers: number, done: readonly Measurement[]): number[] {
  const every = (sparsityOf: (layer: number) => number) =>
    Array.from({ length: layers }, (_, layer) => sparsityOf(layer))
  const [dense] = done
  if (dense === undefined) return every(() => 0)
  const { sparsities } = scan
  const place = Math.floor((done.length - 1) / sparsities.length)
  const sparsity = sparsities[(done.length - 1) % sparsities.length] ?? 0
  if (place < layers) return every((layer) => (layer === place ? sparsity : 0))
  if (place === layers) return every(() => sparsity)
  return every((layer) =>
    toleratedOf(
      curveOf(scan, done, layer).map((measured) => dropOf(dense, measured)),
      scan,
    ),
  )
}
