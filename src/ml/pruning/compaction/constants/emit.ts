import type { Named } from '../../../../planning/layers/connect.js'
import type { PlainLayer } from '../../../../planning/units/plain.js'
import type { Links } from '../links.js'
import type { Constants, LayerValues } from '../values.js'

/** What a layer emits of constants, from those of its inputs, and of its states if it is recurrent: in float64, before rounding. */
export type Emit<L extends PlainLayer> = (
  layer: Named<L>,
  values: LayerValues,
  states: readonly Constants[],
) => Constants

/** bias + Σ x · weight of each column, x being the first input, NaN where a source that varies has a weight, or a constant one that cannot be folded. */
export function columnSums({ columns, bias, blocked, each }: Links, values: LayerValues): Constants {
  const [given] = values.inputs
  const start = bias === null ? null : values.weight(bias)
  const sums = Float64Array.from({ length: columns }, (_, column) => start?.values[column] ?? 0)
  each((source, column, weight) => {
    const constant = given[source] ?? Number.NaN
    if (constant !== 0) sums[column] = blocked === null ? (sums[column] ?? 0) + constant * weight : Number.NaN
  })
  return sums
}
