import type { PruningSpec } from '../contracts/pruning.js'
import type { PruningGranularity } from '../contracts/pruning-granularity.js'
import { matchesAny } from './patterns.js'
import type { LayerDescription } from './shapes.js'
import type { UnitGroup } from './units/groups.js'

type UnitKind = Extract<PruningGranularity, { coupled: boolean }>['kind']

/** The groups whose layers are all of the kind that is asked for and all selected, without units that can never be removed. */
export function selectedGroups(
  { granularity, include, exclude }: Pick<PruningSpec, 'granularity' | 'include' | 'exclude'>,
  layers: readonly LayerDescription[],
  groups: readonly UnitGroup[],
): UnitGroup[] {
  if (!('coupled' in granularity)) return []
  const { kind } = granularity
  const types = new Map(layers.map(({ name, type }) => [name, type]))
  return groups
    .filter((group) => group.layers.every((name) => matchesAny(include, name) && !matchesAny(exclude, name)))
    .filter((group) => group.layers.every((name) => isOfKind(types.get(name), kind)))
    .map((group) => ({ ...group, units: group.units.filter(({ pinned }) => pinned === null) }))
    .filter(({ units }) => units.length > 0)
}

/** Filters are made by convolutions, neurons by all other layers with units. */
function isOfKind(type: LayerDescription['type'] | undefined, kind: UnitKind): boolean {
  return kind === 'unit' || (kind === 'filter') === (type?.includes('conv') ?? false)
}
