import type { LayerOf } from '../../../../contracts/model.js'
import type { PlainLayer } from '../../../../planning/units/plain.js'
import { activate } from '../activations.js'
import type { Links } from '../links.js'
import { type Constants, channelsOf, type LayerValues, varying } from '../values.js'
import { columnSums, type Emit } from './emit.js'
import { product } from './merge.js'

type Cell = LayerOf<'bidirectional'>['layer']

/** The constants in the state of a recurrent layer, or in those of both directions; none for other layers. */
export function statesOf(layer: PlainLayer, links: readonly Links[], values: LayerValues): Constants[] {
  const cell = layer.type === 'bidirectional' ? layer.layer : layer
  if (cell.type !== 'simple-rnn' && cell.type !== 'lstm' && cell.type !== 'gru') return []
  const [fromInput, fromState, ...others] = links
  if (!fromInput || !fromState) return []
  return [emitted(cell, fromInput, fromState, values), ...statesOf(layer, others, values)]
}

export const recurrent: Emit<LayerOf<Cell['type']>> = (_, { outputShape }, [state]) =>
  state ?? varying(channelsOf(outputShape))

export const bidirectional: Emit<LayerOf<'bidirectional'>> = ({ mergeMode }, { outputShape }, [forward, backward]) => {
  if (!forward || !backward) return varying(channelsOf(outputShape))
  if (mergeMode === 'concat') return Float64Array.of(...forward, ...backward)
  return forward.map((one, unit) => MERGE[mergeMode](one, backward[unit] ?? Number.NaN))
}

const MERGE = {
  sum: (one: number, other: number) => one + other,
  multiply: product,
  average: (one: number, other: number) => (one + other) / 2,
}

/**
 * Units that emit the same number at every step. They are found by induction over time: all states begin at 0, so a unit that is 0 as long as
 * the units that it listens to are 0 stays 0 for ever. All are taken for 0 until one of them is not; what is left is the largest set that holds.
 */
function emitted(cell: Cell, fromInput: Links, fromState: Links, values: LayerValues): Constants {
  const { width } = fromState
  const second = secondBias(cell, fromInput, values)
  const sums = columnSums(fromInput, values).map((sum, column) =>
    column < 2 * width ? sum + (second[column] ?? 0) : sum,
  )
  let units: Constants = new Float64Array(width)
  for (;;) {
    const gates = sums.slice()
    fromState.each((source, column) => {
      if (units[source] !== 0) gates[column] = Number.NaN
    })
    const now = units.map((_, unit) => {
      const gate = (index: number) => gates[index * width + unit] ?? Number.NaN
      return ofUnit(cell, gate, second[2 * width + unit] ?? 0)
    })
    const isSettled = now.every((value, unit) => (value === 0) === (units[unit] === 0))
    units = now
    if (isSettled) return units
  }
}

/** The bias of the recurrent product of a GRU with `resetAfter`: of update and reset gate it simply counts, the candidate's is within the reset. */
function secondBias(cell: Cell, { bias, columns }: Links, values: LayerValues): Float32Array {
  const isSplit = cell.type === 'gru' && cell.resetAfter && bias !== null
  return (isSplit ? values.weight(bias)?.values.subarray(columns) : null) ?? new Float32Array(columns)
}

/** From the sums of its gates, NaN where they vary. */
function ofUnit(cell: Cell, gate: (index: number) => number, inner: number): number {
  switch (cell.type) {
    case 'simple-rnn':
      return activate(cell.activation, gate(0))
    case 'lstm': {
      // Nothing enters the cell if the input gate or the candidate is 0; then the output is o · activation(0).
      const entering = product(activate(cell.recurrentActivation, gate(0)), activate(cell.activation, gate(2)))
      if (entering !== 0) return Number.NaN
      return product(activate(cell.recurrentActivation, gate(3)), activate(cell.activation, 0))
    }
    case 'gru': {
      const reset = activate(cell.recurrentActivation, gate(1))
      const candidate = activate(cell.activation, gate(2) + product(reset, inner))
      return candidate === 0 ? 0 : Number.NaN
    }
  }
}
