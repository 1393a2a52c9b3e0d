import type { LayerOf } from '../../contracts/model.js'
import { ownUnits } from './affine.js'
import { type Assign, type Assignment, input, output, tiled, type Wiring } from './assign.js'

/** kernel [features, gates · units], recurrent-kernel [units, gates · units], bias [gates · units] or [2, gates · units]. */
function axesOf(own: Int32Array, { inputs, weights }: Wiring, prefix: string): Assignment['axes'] {
  const columns = weights[`${prefix}kernel`]?.shape.at(-1) ?? own.length
  const gates = output(tiled(own, columns / own.length))
  const rows = (weights[`${prefix}bias`]?.shape ?? []).slice(1).map(() => null)
  return {
    [`${prefix}kernel`]: [input(inputs[0]), gates],
    [`${prefix}recurrent-kernel`]: [input(own), gates],
    [`${prefix}bias`]: [...rows, gates],
  }
}

export const recurrent: Assign<LayerOf<'simple-rnn' | 'lstm' | 'gru'>> = (layer, wiring) => {
  const own = ownUnits(layer, wiring)
  return { output: own, makesUnits: true, axes: axesOf(own, wiring, '') }
}

/** Both directions have one number of units, so unit j of the one goes with unit j of the other. */
export const bidirectional: Assign<LayerOf<'bidirectional'>> = ({ layer, mergeMode }, wiring) => {
  const forward = wiring.space.fresh(layer.units)
  return {
    output: mergeMode === 'concat' ? tiled(forward, 2) : forward,
    makesUnits: true,
    axes: { ...axesOf(forward, wiring, 'forward-'), ...axesOf(forward, wiring, 'backward-') },
  }
}
