import type { StoredTensors } from '../../src/formats/safetensors.js'
import { prepareData } from '../../src/ml/data.js'
import { moonData, moons, plannedMoonSpec } from './fixtures.js'

export type Values = Readonly<Record<string, ArrayLike<number>>>

export const valuesOf = (weights: StoredTensors): Record<string, Float32Array> =>
  Object.fromEntries(Object.entries(weights).map(([name, { values }]) => [name, Float32Array.from(values)]))

/** Loss and accuracy of the network of `moonSpec` on the rows of a split of the half-moons, computed here number by number. */
export function evaluatedByHand(
  weights: Values,
  split: 'validationRows' | 'testRows' = 'testRows',
  spec = plannedMoonSpec(),
): { loss: number; accuracy: number } {
  const { state, [split]: rows } = prepareData(moonData(), moons, spec)
  const layer = (input: readonly number[], name: string, activation: (x: number) => number) => {
    const [kernel, bias] = [weights[`${name}/kernel`] ?? [], weights[`${name}/bias`] ?? []]
    return Array.from(bias, (start, unit) =>
      activation(input.reduce((sum, x, index) => sum + x * (kernel[index * bias.length + unit] ?? 0), start)),
    )
  }
  let [loss, right] = [0, 0]
  for (const row of rows) {
    const features = [0, 1].map((column) => state['data/features']?.values[2 * row + column] ?? 0)
    const hidden = layer(layer(features, 'dense-1', Math.tanh), 'dense-2', (x) => Math.max(0, x))
    const logits = layer(hidden, 'output', (x) => x)
    const label = state['data/labels']?.values[row] ?? 0
    loss += Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - (logits[label] ?? 0)
    // Of equal logits the first is taken.
    const [first = 0, second = 0] = logits
    if ((second > first ? 1 : 0) === label) right++
  }
  return { loss: loss / rows.length, accuracy: right / rows.length }
}
