import type { Scalar } from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { compile } from '../../../src/ml/engine/compile.js'
import { runEagerly } from '../../../src/ml/engine/eager.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { SignatureSpec } from '../../../src/ml/engine/types.js'
import { at } from '../engine/support.js'
import { modelOf } from './scene.js'

const SHAPE = [200, 5, 10]
const ONES = new Float32Array(200 * 5 * 10).fill(1)

/** Output of the layer on ones, and the gradient of Σ output. */
function signature(layer: Record<string, unknown>, seed: number, xla = false): SignatureSpec {
  const model = modelOf([5, 10], layer)
  return {
    xla,
    inputs: { x: { shape: SHAPE, dtype: 'float32' }, step: { shape: [], dtype: 'int32' } },
    step: ({ inputs }) => {
      const training = { seed, step: at(inputs, 'step'), setMoment: () => undefined }
      const apply = (x: ReturnType<typeof at>) => model.apply({}, x, training)
      const gradient = tf.grad((x) => tf.sum(apply(x)) as Scalar)(at(inputs, 'x'))
      return { outputs: { y: apply(at(inputs, 'x')), gradient } }
    },
  }
}

const LAYERS = [
  { type: 'dropout', rate: 0.3 },
  { type: 'spatial-dropout', rate: 0.3 },
  { type: 'gaussian-noise', deviation: 0.5 },
  { type: 'gaussian-dropout', rate: 0.3 },
]

describe.each(LAYERS)('$type', (layer) => {
  const signatures = {
    plain: signature(layer, 1),
    xla: signature(layer, 1, true),
    seed: signature(layer, 2),
    name: signature({ ...layer, name: 'other' }, 1),
  }
  const compiled = compile({}, signatures)
  const draw = (name: string, step = 0) => compiled.run(name, { x: ONES, step: Int32Array.of(step) })

  it('draws the same eager, compiled and under XLA', () => {
    const eager = runEagerly({}, signatures).run('plain', { x: ONES, step: Int32Array.of(0) })
    expect(draw('plain')).toEqual(eager)
    const { y = [] } = draw('xla')
    eager.y?.forEach((value, index) => {
      expect(y[index]).toBeCloseTo(value, 6)
    })
  })

  it('draws anew for each step, seed and layer, and the same again for the same', () => {
    const { y } = draw('plain')
    expect(draw('plain').y).toEqual(y)
    for (const other of [draw('plain', 1), draw('seed'), draw('name')]) expect(other.y).not.toEqual(y)
  })

  it('keeps the mean, and hands nothing but x on in use', () => {
    const values = Array.from(draw('plain').y ?? [])
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    // A deviation of at most √(0.3 / 0.7) over 2000 channels: three of its standard errors are 0.044.
    expect(Math.abs(mean - 1)).toBeLessThan(0.045)
    const inUse = tf.tidy(() => modelOf([5, 10], layer).apply({}, tf.tensor(ONES, SHAPE)).dataSync())
    expect(inUse).toEqual(ONES)
  })
})

it('dropout drops its share, scales the rest, and gradients by the same mask', () => {
  const session = compile({}, { draw: signature({ type: 'dropout', rate: 0.3 }, 7) })
  const { y = [], gradient } = session.run('draw', { x: ONES, step: Int32Array.of(3) })
  session.close()
  const kept = y.filter((value) => value !== 0)
  expect(new Set(kept).size).toBe(1)
  expect(kept[0]).toBeCloseTo(1 / 0.7, 6)
  // 10,000 draws: four deviations are 0.018.
  expect(Math.abs(kept.length / y.length - 0.7)).toBeLessThan(0.018)
  expect(gradient).toEqual(y)
})

it('spatial-dropout drops channels of an example as a whole', () => {
  const session = compile({}, { draw: signature({ type: 'spatial-dropout', rate: 0.3 }, 7) })
  const { y = [] } = session.run('draw', { x: ONES, step: Int32Array.of(3) })
  session.close()
  y.forEach((value, index) => {
    const first = Math.floor(index / 50) * 50 + (index % 10)
    expect(value).toBe(y[first])
  })
})
