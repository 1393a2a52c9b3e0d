import type { LayerOf } from '../../contracts/model.js'
import type { Shape } from '../shape.js'
import { extentsOf, TIME } from './axes.js'
import type { Connect, WeightInitializer, Weights } from './connect.js'
import { trained } from './weights.js'

type Cell = LayerOf<'bidirectional'>['layer']

const GATES = { 'simple-rnn': 1, lstm: 4, gru: 3 } as const satisfies Record<Cell['type'], number>

/** kernel [features, gates · units], recurrent-kernel [units, gates · units], bias [gates · units], or [2, ..] if reset after. */
function weightsOf(cell: Cell, features: number): Weights {
  const columns = GATES[cell.type] * cell.units
  return {
    kernel: trained([features, columns], cell.kernelInitializer),
    'recurrent-kernel': trained([cell.units, columns], cell.recurrentInitializer),
    ...(cell.useBias ? { bias: biasOf(cell, columns) } : {}),
  }
}

function biasOf(cell: Cell, columns: number) {
  const shape: Shape = cell.type === 'gru' && cell.resetAfter ? [2, columns] : [columns]
  // In the order input, forget, cell, output.
  const forgetting: WeightInitializer = { kind: 'blocks', values: [0, 1, 0, 0] }
  return trained(shape, cell.type === 'lstm' && cell.unitForgetBias ? forgetting : 'zeros')
}

/** [time, features] → [units], or [time, units] with returnSequences. */
export const recurrent: Connect<LayerOf<Cell['type']>> = (layer, [input], reject) => {
  const [time, features] = extentsOf(input, TIME, layer.type, reject)
  return {
    outputShape: layer.returnSequences ? [time, layer.units] : [layer.units],
    weights: weightsOf(layer, features),
  }
}

/** As its layer, with twice the units if both directions are concatenated. */
export const bidirectional: Connect<LayerOf<'bidirectional'>> = ({ layer, mergeMode }, [input], reject) => {
  const [time, features] = extentsOf(input, TIME, 'bidirectional', reject)
  const units = mergeMode === 'concat' ? 2 * layer.units : layer.units
  const weights = Object.entries(weightsOf(layer, features))
  const named = (direction: string) => weights.map(([name, spec]) => [`${direction}-${name}`, spec] as const)
  return {
    outputShape: layer.returnSequences ? [time, units] : [units],
    weights: Object.fromEntries([...named('forward'), ...named('backward')]),
  }
}
