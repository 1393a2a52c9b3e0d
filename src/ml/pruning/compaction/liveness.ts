import type { Units } from '../../../planning/units/units.js'
import type { Evaluated } from './constants/constants.js'
import type { Links } from './links.js'
import { type Constants, varying } from './values.js'

export interface Liveness {
  /** 1 for every unit that the output may depend on. */
  readonly live: Uint8Array
  /** Why a unit that emits a constant is live all the same: the layer after it that could not take the constant over. */
  readonly blocked: ReadonlyMap<number, string>
}

/**
 * Marks the units that are needed, from the pinned ones backwards: a unit that varies, if a weight other than 0 takes it to a unit that is needed; one that emits
 * a constant, only if that cannot be folded there. Units that feed nothing but each other are not needed.
 * @param versions Weights that one network is to keep working with, such as the present ones and their averages.
 */
export function findLive({ layers, count, pinned }: Units, versions: readonly (readonly Evaluated[])[]): Liveness {
  const live = new Uint8Array(count)
  for (const unit of pinned.keys()) live[unit] = 1
  const blocked = new Map<number, string>()
  let found = true
  const visit = (evaluated: Evaluated, links: Links): void => {
    const { layer } = evaluated
    const { units, constants } = sourcesOf(evaluated, links)
    if (units.every((unit) => live[unit] === 1)) return
    links.each((source, column) => {
      const unit = units[source] ?? 0
      const taker = layer.output[links.offset + (column % links.width)] ?? 0
      if (live[unit] === 1 || live[taker] === 0) return
      const constant = constants[source] ?? Number.NaN
      if (constant === 0 || (!Number.isNaN(constant) && links.blocked === null)) return
      live[unit] = 1
      found = true
      if (!Number.isNaN(constant))
        blocked.set(unit, `it emits ${format(constant)}, but '${layer.layer.name}' ${links.blocked}`)
    })
  }
  while (found) {
    found = false
    for (let index = layers.length - 1; index >= 0; index--)
      for (const version of versions) {
        const evaluated = version[index]
        for (const links of evaluated?.links ?? []) if (evaluated) visit(evaluated, links)
      }
  }
  return { live, blocked }
}

/** What stands at the sources of links: the unit and the constant of each index. */
export function sourcesOf(
  { layer, inputs, states }: Evaluated,
  { from, offset, width }: Links,
): { units: Int32Array; constants: Constants } {
  if ('input' in from)
    return { units: layer.sources[from.input] ?? layer.sources[0], constants: inputs[from.input] ?? inputs[0] }
  return { units: layer.output.subarray(offset, offset + width), constants: states[from.state] ?? varying(width) }
}

const format = (constant: number): string => String(Number(constant.toPrecision(6)))
