import { expect, it } from 'vitest'
import { MODELS } from '../../bench/models.js'
import { BATCH_SIZE } from '../../bench/runner.js'
import { describeLayers } from '../../src/planning/shapes.js'

const parametersOf = (key: string) =>
  describeLayers(MODELS[key]?.model ?? { kind: 'layers', inputShape: [], layers: [] }).reduce(
    (sum, layer) => sum + layer.parameters,
    0,
  )

it('compares models of the size that their names say', () => {
  expect(parametersOf('mlp')).toBe(785 * 300 + 301 * 100 + 101 * 10)
  // Four gates see features, state and a one; then 10 classes, or 65 characters that were embedded in 64 numbers.
  expect(parametersOf('lstm')).toBe(4 * 64 * (28 + 64 + 1) + 65 * 10)
  expect(parametersOf('char-rnn')).toBe(65 * 64 + 4 * 128 * (64 + 128 + 1) + 129 * 65)
})

it('has the rows for one pass of the steps, which Keras takes no second of', () => {
  for (const { dataset, steps } of Object.values(MODELS))
    expect(steps * BATCH_SIZE).toBeLessThanOrEqual(dataset.trainRows)
})
