import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { exampleWeights, makeClassWeights } from '../../../src/ml/losses/example-weights.js'
import { tidily } from '../tensors.js'

const labelLists = () => fc.array(fc.nat(5), { minLength: 1, maxLength: 200 })

describe('makeClassWeights', () => {
  it('balanced: every class that occurs weighs the same in all, and a row 1 on average', () =>
    fc.assert(
      fc.property(labelLists(), (list) => {
        const labels = Int32Array.from(list)
        const weights = makeClassWeights('balanced', labels, 6)
        const totals = new Float64Array(6)
        for (const label of labels) totals[label] = (totals[label] ?? 0) + (weights[label] ?? 0)
        const occurring = totals.filter((total) => total > 0)
        expect(occurring.length).toBe(new Set(list).size)
        for (const total of occurring) expect(total).toBeCloseTo(labels.length / occurring.length, 3)
      }),
    ))

  it('balanced (0, 0, 0, 1): 4 / (2 · 3) and 4 / (2 · 1), as in scikit-learn', () => {
    const weights = makeClassWeights('balanced', Int32Array.of(0, 0, 0, 1), 2)
    expect([...weights]).toEqual([Math.fround(2 / 3), 2])
  })

  it('takes a list as it is, and refuses one of the wrong length or that leaves nothing to learn', () => {
    const labels = Int32Array.of(0, 0, 1)
    expect([...makeClassWeights([0.5, 0, 3], labels, 3)]).toEqual([0.5, 0, 3])
    expect(() => makeClassWeights([1, 2], labels, 3)).toThrow(
      expect.objectContaining({ code: 'SPEC_INVALID', message: expect.stringContaining('2 weights for 3 classes') }),
    )
    expect(() => makeClassWeights([0, 0, 3], labels, 3)).toThrow(expect.objectContaining({ code: 'SPEC_OUT_OF_RANGE' }))
  })
})

describe('exampleWeights', () => {
  const labels = () => tf.tensor1d([1, 0, 1], 'int32')

  it('is the weight of the class times that of the example', () =>
    tidily(() => {
      const weights = exampleWeights(labels(), tf.tensor1d([2, 3]), tf.tensor1d([1, 10, 0]))
      expect([...(weights?.dataSync() ?? [])]).toEqual([3, 20, 0])
      expect([...(exampleWeights(labels(), tf.tensor1d([2, 3]), null)?.dataSync() ?? [])]).toEqual([3, 2, 3])
    }))

  it('is what there is of the two, or null', () =>
    tidily(() => {
      const own = tf.tensor1d([1, 10, 0])
      expect(exampleWeights(labels(), null, own)).toBe(own)
      expect(exampleWeights(labels(), null, null)).toBeNull()
    }))
})
