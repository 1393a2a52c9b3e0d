import type { Tensor } from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import type { OptimizerSpec } from '../../../../src/contracts/optimizer.js'
import type { StoredTensors } from '../../../../src/formats/safetensors.js'
import { tf } from '../../../../src/ml/engine/tensorflow.js'
import { buildModel } from '../../../../src/ml/models/model.js'
import { makeOptimizer } from '../../../../src/ml/optimizers/make-optimizer.js'
import { tensorAt } from '../../../../src/ml/optimizers/optimizer.js'
import { compact, removeUnits } from '../../../../src/ml/pruning/compaction/compact.js'
import { unitGroups } from '../../../../src/planning/units/groups.js'
import { analyzeUnits } from '../../../../src/planning/units/units.js'
import { nameOf, SPECS } from '../../optimizers/specs.js'
import { tidily } from '../../tensors.js'
import { difference, examplesFor, modelOf, type Network, randomWeights, stored, tensorsOf, zeroed } from './networks.js'

describe('the state of training', () => {
  const model = modelOf([2], { type: 'dense', name: 'a', units: 3 }, { type: 'dense', name: 'b', units: 2 })
  const weights = randomWeights(model, 1)

  it('loses of slots, masks and averages what it loses of their weights', () => {
    const state = {
      ...weights,
      'b/kernel/m': stored([3, 2], [1, 2, 3, 4, 5, 6]),
      'b/kernel/mask': stored([3, 2], [1, 0, 1, 1, 0, 1]),
      'ftrl.accumulator/a/bias': stored([3], [7, 8, 9]),
      'adam/step': stored([], [5]),
      'clipping/norms': stored([4], [1, 2, 3, 4]),
    }
    const { state: small } = removeUnits(model, state, { a: [1] })
    expect(small['b/kernel/m']).toEqual(stored([2, 2], [1, 2, 5, 6]))
    expect(small['b/kernel/mask']).toEqual(stored([2, 2], [1, 0, 0, 1]))
    expect(small['ftrl.accumulator/a/bias']).toEqual(stored([2], [7, 9]))
    expect(small['adam/step']).toEqual(state['adam/step'])
    expect(small['clipping/norms']).toEqual(state['clipping/norms'])
    expect(Object.keys(small)).toEqual(Object.keys(state))
  })

  it('makes means over all entries those over what is left, which was all that was not 0', () => {
    const state = {
      ...weights,
      // Over the columns of each row, of [[3, 0, 6], [9, 0, 0]] · (1, 0, 1): means over 3 become means over 2.
      'adafactor.row/a/kernel': stored([2], [3, 3]),
      'adafactor.column/a/kernel': stored([3], [6, 0, 3]),
      'adafactor.column/b/kernel': stored([2], [2, 4]),
      'adafactor.row/b/kernel': stored([3], [1, 0, 2]),
    }
    const { state: small } = removeUnits(model, state, { a: [1] })
    expect(small['adafactor.row/a/kernel']).toEqual(stored([2], [4.5, 4.5]))
    expect(small['adafactor.column/a/kernel']).toEqual(stored([2], [6, 3]))
    expect(small['adafactor.column/b/kernel']).toEqual(stored([2], [3, 6]))
    expect(small['adafactor.row/b/kernel']).toEqual(stored([2], [1, 2]))
  })
})

/** So many updates on all examples, towards outputs of 1; masked weights and their slots stay 0. */
function train(
  { model, state }: Network,
  spec: OptimizerSpec,
  steps: number,
  masks: StoredTensors = {},
): StoredTensors {
  const built = buildModel(model, 'mean-squared-error')
  const names = Object.keys(built.parameters)
  const optimizer = makeOptimizer(spec)
  const update = (before: StoredTensors): StoredTensors =>
    tidily(() => {
      const tensors = tensorsOf(before)
      const params = Object.fromEntries(names.map((name) => [name, tensorAt(tensors, name)]))
      const x = tf.tensor(examplesFor(model, false), [4, ...model.inputShape])
      const loss = (...values: Tensor[]) => {
        const given = Object.fromEntries(names.map((name, index) => [name, values[index] ?? x]))
        return tf.mean(tf.square(tf.sub(built.apply(given, x), 1)))
      }
      const gradients = tf.grads(loss)(Object.values(params))
      const masked = (name: string, tensor: Tensor): Tensor => {
        const [, weight] = /^(\w+\/[\w-]+)/.exec(name) ?? []
        const mask = masks[weight ?? '']
        return mask ? tf.mul(tensor, tf.tensor(mask.values, [...mask.shape])) : tensor
      }
      const grads = Object.fromEntries(names.map((name, index) => [name, masked(name, gradients[index] ?? x)]))
      const next = optimizer.update({ params, grads, slots: tensors, learningRate: tf.scalar(0.01) })
      return Object.fromEntries(
        Object.entries({ ...next.params, ...next.slots }).map(([name, tensor]) => [
          name,
          stored(tensor.shape, masked(name, tensor).dataSync()),
        ]),
      )
    })
  return Array.from({ length: steps }).reduce(update, state)
}

describe('training goes on', () => {
  const model = modelOf(
    [5, 3],
    { type: 'lstm', name: 'r', units: 4 },
    { type: 'dense', name: 'a', units: 5, activation: 'relu' },
    { type: 'dense', name: 'b', units: 2 },
  )
  const gone = unitGroups(analyzeUnits(model)).flatMap(({ units }) => units.slice(1, 3).filter(({ pinned }) => !pinned))
  const parts = gone.flatMap(({ output }) => output)
  const start = zeroed(randomWeights(model, 4), parts)
  const ones = Object.entries(start).map(([name, { shape, values }]) => [
    name,
    stored(
      shape,
      values.map(() => 1),
    ),
  ])
  const masks = zeroed(Object.fromEntries(ones), parts)
  // The update of Adafactor depends on the root mean square of a whole tensor, with or without zeros.
  it.each(SPECS.filter(({ kind }) => kind !== 'adafactor').map((spec) => [nameOf(spec), spec] as const))(
    'after compaction as before it, with %s',
    (_, spec) => {
      const slots = makeOptimizer(spec).init(start)
      const before = train({ model, state: { ...start, ...slots } }, spec, 2, masks)
      const small = compact(model, before)
      const removed = Object.fromEntries(small.report.layers.map((change) => [change.layer, change.removed]))
      expect(removed).toMatchObject({ r: [1, 2], a: expect.arrayContaining([1, 2]) })
      const expected = removeUnits(model, train({ model, state: before }, spec, 3, masks), removed).state
      const actual = train(small, spec, 3)
      expect(Object.keys(actual)).toEqual(Object.keys(expected))
      for (const [name, { values }] of Object.entries(expected))
        expect(
          difference(Float32Array.from(values), Float32Array.from(actual[name]?.values ?? [])),
          name,
        ).toBeLessThanOrEqual(1e-5)
    },
  )
})
