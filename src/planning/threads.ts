import { macsOf } from './macs.js'
import type { NamedModel } from './presets.js'
import { describeLayers } from './shapes.js'

/**
 * A batch passes a recurrent layer in independent parts of about this many examples, so that several cores have work although a recurrence is
 * one long chain. The parts decide the order of summation: they depend on the batch alone, not on the machine.
 */
const ROWS_PER_CHAIN = 64
const MAX_CHAINS = 4
/** Below, the parts would be too small to pay for their operations. */
const SMALLEST_SPLIT = 32

/** Number of parts in which a batch passes a recurrent layer, from 1 to 4. */
export function recurrentChains(batch: number): number {
  return batch < SMALLEST_SPLIT ? 1 : Math.min(Math.max(Math.round(batch / ROWS_PER_CHAIN), 2), MAX_CHAINS)
}

/**
 * Threads of one operation that suit a model; null: as many as there are cores. A recurrent network is made of many small operations, in
 * parts that run side by side. Where those keep all cores busy, dividing each operation as well costs more than it gives: with 128 units,
 * batch 128 and two cores a step takes 1.6 times as long (docs/recurrent.md).
 */
export function intraOpThreads(model: NamedModel, batchSize: number, cores: number): number | null {
  const layers = describeLayers(model).map((layer) => ({ macs: macsOf(layer), recurrent: isRecurrent(layer.weights) }))
  const sum = (chosen: typeof layers) => chosen.reduce((total, { macs }) => total + macs, 0)
  const mostly = sum(layers.filter(({ recurrent }) => recurrent)) > sum(layers) / 2
  return mostly && cores <= recurrentChains(batchSize) ? 1 : null
}

function isRecurrent(weights: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(weights).some((name) => name.endsWith('recurrent-kernel'))
}
