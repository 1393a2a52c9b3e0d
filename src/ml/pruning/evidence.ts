import type { CriterionName } from '../../contracts/pruning-criterion.js'
import type { Shape } from '../../planning/shape.js'
import type { UnitGroup, WeightPart } from '../../planning/units/groups.js'
import type { InputStatistics } from '../calibration.js'
import type { UnitEvidence } from './criteria/evidence.js'
import { isScored, visit } from './granularity/units.js'

/** What each element of a kernel takes, in size over the calibration rows: ‖x‖₂ of its input, row-major like the kernel. */
export function inputNormsOf(
  { squares }: Pick<InputStatistics, 'squares'>,
  shape: Shape,
  isTransposed: boolean,
): Float32Array {
  const size = shape.reduce((product, extent) => product * extent, 1)
  const last = shape.at(-1) ?? 1
  const inputs = (isTransposed ? last : shape.at(-2)) ?? 1
  const groups = squares.length / inputs
  return Float32Array.from({ length: size }, (_, element) => {
    if (isTransposed) return Math.sqrt(squares[element % last] ?? 0)
    const [input, output] = [Math.floor(element / last) % inputs, element % last]
    // The outputs of a grouped convolution take their own share of the channels.
    const group = Math.floor((output * groups) / last)
    return Math.sqrt(squares[group * inputs + input] ?? 0)
  })
}

interface Measured {
  /** Values of every weight. */
  readonly values: Readonly<Record<string, Float32Array>>
  /** Inputs of the layers that use the units; null where the criterion does not ask for them. */
  readonly inputs: Readonly<Record<string, InputStatistics>> | null
}

/** A group, and the shapes of all weights. */
export interface PlacedGroup {
  readonly group: UnitGroup
  readonly shapes: Readonly<Record<string, Shape>>
}

/** What is known of the units of a group, as far as `criterion` asks for it. */
export function unitEvidence(
  criterion: CriterionName,
  { group, shapes }: PlacedGroup,
  { values, inputs }: Measured,
): UnitEvidence {
  if (inputs !== null) {
    const share = (statistic: 'absolute' | 'active') =>
      Float32Array.from(group.units, ({ input }) => meanOver(input, inputs, statistic))
    return { meanActivation: share('absolute'), activeShare: share('active') }
  }
  const collect = (parts: readonly WeightPart[]) =>
    Float32Array.from(
      parts.flatMap((part) => {
        const found: number[] = []
        visit(part, shapes, (element) => found.push(values[part.weight]?.[element] ?? 0))
        return found
      }),
    )
  if (criterion === 'fpgm')
    return { incoming: group.units.map(({ output }) => collect(output.filter(({ weight }) => isScored(weight)))) }
  const gammas = group.units.map(({ output }) => collect(output.filter(({ weight }) => weight.endsWith('/gamma'))))
  return { scales: Float32Array.from(gammas, (row) => row.reduce((sum, gamma) => sum + Math.abs(gamma), 0)) }
}

/** Over all that the layers that use a unit take of it. */
function meanOver(
  taking: readonly WeightPart[],
  inputs: Readonly<Record<string, InputStatistics>>,
  statistic: 'absolute' | 'active',
): number {
  let sum = 0
  let count = 0
  for (const { weight, indexes } of taking) {
    if (!takesInput(weight)) continue
    const layer = inputs[weight.slice(0, weight.lastIndexOf('/'))]
    if (!layer) continue
    for (const index of indexes) sum += layer[statistic][index] ?? 0
    count += layer.count * indexes.length
  }
  return count > 0 ? sum / count : 0
}

/** Other kernels take what is made within a layer. */
export function takesInput(weight: string): boolean {
  return !weight.endsWith('recurrent-kernel') && !weight.endsWith('/pointwise-kernel')
}
