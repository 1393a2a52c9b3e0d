import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LOSS_TARGETS, LOSSES, type LossName, type TargetKind, takesLogits } from '../../../src/contracts/loss.js'
import type { StoredTensor } from '../../../src/formats/safetensors.js'
import { compile } from '../../../src/ml/engine/compile.js'
import { runEagerly } from '../../../src/ml/engine/eager.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { StepFunction } from '../../../src/ml/engine/types.js'
import { makeLoss } from '../../../src/ml/losses/make-loss.js'
import { makeRandom } from '../../../src/random.js'
import { numberOf, tidily } from '../tensors.js'

const CLASSES = 4
const OPTIONS = { labelSmoothing: 0.1, huberDelta: 0.7 }

interface Drawn {
  readonly shape: readonly number[]
  readonly outputs: Float32Array
  readonly labels: Float32Array | Int32Array
  readonly weights: Float32Array
}

/** Outputs and labels that the loss can be given: probabilities for kl-divergence, positive numbers for the logarithmic ones. */
function draw(name: LossName, kind: TargetKind, batch: number, seed: number): Drawn {
  const random = makeRandom(seed, name)
  const shape = kind === 'tokens' ? [batch, 3, CLASSES] : [batch, CLASSES]
  const size = shape.reduce((product, extent) => product * extent, 1)
  const isPositive = name === 'poisson' || name === 'mean-squared-logarithmic-error'
  const number = () => (isPositive ? 0.1 + 3 * random.uniform() : 2 * random.normal())
  const isDistribution = name === 'kl-divergence' || name === 'categorical-crossentropy'
  const outputs =
    name === 'kl-divergence' ? distributions(size, random.uniform) : Float32Array.from({ length: size }, number)
  const floats = isDistribution ? distributions(size, random.uniform) : Float32Array.from({ length: size }, number)
  const labels = {
    classes: () => Int32Array.from({ length: batch }, () => Math.floor(random.uniform() * CLASSES)),
    tokens: () => Int32Array.from({ length: batch * 3 }, () => Math.floor(random.uniform() * CLASSES)),
    labels: () => Float32Array.from({ length: size }, () => Math.round(random.uniform())),
    number: () => floats,
  }[kind]()
  return { shape, outputs, labels, weights: Float32Array.from({ length: batch }, () => 2 * random.uniform()) }
}

function distributions(size: number, uniform: () => number): Float32Array {
  const values = Float32Array.from({ length: size }, () => 0.05 + uniform())
  return values.map((value, at) => {
    const row = Math.floor(at / CLASSES) * CLASSES
    return value / values.subarray(row, row + CLASSES).reduce((sum, other) => sum + other, 0)
  })
}

function tensors({ shape, outputs, labels, weights }: Drawn) {
  const labelShape = labels instanceof Int32Array ? shape.slice(0, -1) : shape
  return {
    outputs: tf.tensor(outputs, [...shape]),
    labels: tf.tensor(labels, [...labelShape], labels instanceof Int32Array ? 'int32' : 'float32'),
    weights: tf.tensor1d(weights),
  }
}

function stateOf({ shape, outputs, labels, weights }: Drawn): Record<string, StoredTensor> {
  return {
    outputs: { type: 'float32', shape: [...shape], values: outputs },
    weights: { type: 'float32', shape: [weights.length], values: weights },
    labels:
      labels instanceof Int32Array
        ? { type: 'int32', shape: shape.slice(0, -1), values: labels }
        : { type: 'float32', shape: [...shape], values: labels },
  }
}

const cases = LOSSES.flatMap((name) => LOSS_TARGETS[name].map((kind): [LossName, TargetKind] => [name, kind]))
const batches = () => fc.tuple(fc.integer({ min: 1, max: 5 }), fc.nat(1_000_000))

describe.each(cases)('%s of %s', (name, kind) => {
  const { loss, perExample, perPosition, predictions } = makeLoss(name, OPTIONS)

  it('has the gradient that deriving its values gives, with and without weights', () =>
    fc.assert(
      fc.property(batches(), fc.boolean(), ([batch, seed], isWeighted) => {
        tidily(() => {
          const { outputs, labels, weights } = tensors(draw(name, kind, batch, seed))
          const along = kind === 'tokens' ? tf.reshape(weights, [batch, 1]) : weights
          const derived = tf.valueAndGrad((x: Tensor): Scalar => {
            const values = perPosition(x, labels)
            return tf.mean(isWeighted ? tf.mul(values, along) : values)
          })(outputs)
          const own = tf.valueAndGrad((x: Tensor): Scalar => loss(x, labels, isWeighted ? weights : null))(outputs)
          const value = numberOf(derived.value)
          expect(Math.abs(numberOf(own.value) - value)).toBeLessThanOrEqual(1e-5 * (1 + Math.abs(value)))
          const expected = derived.grad.dataSync()
          own.grad.dataSync().forEach((slope, i) => {
            expect(Math.abs(slope - (expected[i] ?? 0))).toBeLessThanOrEqual(1e-5 * (1 + Math.abs(slope)))
          })
        })
      }),
      { numRuns: 30 },
    ))

  it('is the mean of its examples, each the mean of its positions; an example of weight 0 has no gradient', () =>
    fc.assert(
      fc.property(batches(), ([batch, seed]) => {
        tidily(() => {
          const { outputs, labels } = tensors(draw(name, kind, batch, seed))
          const ofExample = perExample(outputs, labels)
          expect(ofExample.shape).toEqual([batch])
          expect(perPosition(outputs, labels).shape).toEqual(outputs.shape.slice(0, -1))
          const mean = numberOf(tf.mean(ofExample))
          expect(Math.abs(numberOf(loss(outputs, labels)) - mean)).toBeLessThanOrEqual(1e-5 * (1 + Math.abs(mean)))
          const withoutFirst = tf.tensor1d(Array.from({ length: batch }, (_, i) => (i === 0 ? 0 : 1)))
          const grad = tf.grad((x: Tensor): Scalar => loss(x, labels, withoutFirst))(outputs)
          const first = grad.dataSync().slice(0, grad.size / batch)
          expect(first.every((slope) => slope === 0)).toBe(true)
        })
      }),
      { numRuns: 30 },
    ))

  it('says the same compiled and eager, and leaves no tensor behind', () => {
    const drawn = draw(name, kind, 3, 7)
    const state = stateOf(drawn)
    const step: StepFunction = ({ state: { outputs, labels, weights } }) => {
      if (!outputs || !labels || !weights) throw new Error('unreachable')
      const { value, grad } = tf.valueAndGrad((x: Tensor): Scalar => loss(x, labels, weights))(outputs)
      return { outputs: { value, grad, ofExample: perExample(outputs, labels), predictions: predictions(outputs) } }
    }
    const compiled = compile(state, { f: { inputs: {}, step } })
    const eager = runEagerly(state, { f: { inputs: {}, step } })
    const ofEager = eager.run('f', {})
    for (const [key, values] of Object.entries(compiled.run('f', {})))
      values.forEach((value, i) => {
        // A graph may be rewritten before it runs (x · rsqrt(y) and the like): the last bit is not promised.
        expect(Math.abs(value - (ofEager[key]?.[i] ?? Number.NaN))).toBeLessThanOrEqual(1e-6 * (1 + Math.abs(value)))
      })
    const before = tf.memory().numTensors
    eager.run('f', {})
    expect(tf.memory().numTensors).toBe(before)
    compiled.close()
    eager.close()
  })

  it('predicts probabilities where it takes logits, else the outputs themselves', () =>
    tidily(() => {
      const { outputs } = tensors(draw(name, kind, 2, 3))
      const predicted = predictions(outputs)
      const activation = takesLogits(name)
      if (activation === null) expect(predicted).toBe(outputs)
      else expect(predicted.dataSync()).toEqual(tf[activation](outputs).dataSync())
    }))
})
