import { INPUT } from '../../../../planning/layers/connect.js'
import type { UnitLayer, Units } from '../../../../planning/units/units.js'
import { type Links, linksOf } from '../links.js'
import { type Constants, channelsOf, makeLayerValues, type ReadWeight, varying } from '../values.js'
import { statesOf } from './recurrent.js'
import { emittedBy } from './registry.js'

/** A layer with what it emits. */
export interface Evaluated {
  readonly layer: UnitLayer
  readonly links: readonly Links[]
  /** Constants of each input. */
  readonly inputs: readonly [Constants, ...Constants[]]
  /** Of a recurrent layer, or of both directions. */
  readonly states: readonly Constants[]
  readonly output: Constants
}

/** The constants of every layer under these weights, in the order of the model. */
export function evaluateConstants({ model, layers }: Units, read: ReadWeight): Evaluated[] {
  const examples = varying(channelsOf(model.inputShape))
  const outputs = new Map<string, Constants>([[INPUT, examples]])
  return layers.map((layer) => {
    const [first, ...others] = layer.inputs
    const of = (name: string) => outputs.get(name) ?? examples
    const inputs = [of(first), ...others.map(of)] as const
    const values = makeLayerValues(layer, inputs, read)
    const links = linksOf(layer.layer, values)
    const states = statesOf(layer.layer, links, values)
    const output = emittedBy(layer.layer, values, states)
    outputs.set(layer.layer.name, output)
    return { layer, links, inputs, states, output }
  })
}
