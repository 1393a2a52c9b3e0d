import { describe, expect, it, vi } from 'vitest'
import type { StoredTensor } from '../../../src/formats/safetensors.js'
import { compile } from '../../../src/ml/engine/compile.js'
import { runEagerly } from '../../../src/ml/engine/eager.js'
import { GraphBuilder } from '../../../src/ml/engine/graph.js'
import { scan, stacked, unstacked } from '../../../src/ml/engine/scan.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { StepFunction } from '../../../src/ml/engine/types.js'
import { at, resources } from './support.js'

const LENGTHS = [1, 5, 60, 300]

/** h ← w · h + x[t], its items h and t-wise products with a state that is int32 outside of the loop. */
function recurrence(length: number, reverse: boolean, loop: boolean): StepFunction {
  return ({ state }) => {
    const xs = unstacked(at(state, 'x'), { loop })
    const weight = at(state, 'weight')
    const offset = at(state, 'offset')
    const result = scan({ length, reverse, loop }, [xs], [tf.zeros([2])], ([x], [h]) => {
      if (!x || !h) throw new Error('incomplete')
      const next = tf.add(tf.mul(h, weight), x)
      return { carry: [next], items: [next, tf.mul(next, tf.cast(tf.add(offset, 1), 'float32'))] }
    })
    const [last] = result.carry
    const [all, shifted] = result.sequences
    if (!last || !all || !shifted) throw new Error('incomplete')
    return { outputs: { last, all: stacked(all, length), shifted: stacked(shifted, length) } }
  }
}

function stateOf(length: number): Record<string, StoredTensor> {
  return {
    x: {
      type: 'float32',
      shape: [length, 2],
      values: Float32Array.from({ length: 2 * length }, (_, i) => Math.sin(i)),
    },
    weight: { type: 'float32', shape: [2], values: Float32Array.of(0.5, -0.9) },
    offset: { type: 'int32', shape: [], values: Int32Array.of(2) },
  }
}

function outputsOf(make: typeof compile, length: number, step: StepFunction) {
  const session = make(stateOf(length), { scan: { inputs: {}, step } })
  try {
    return session.run('scan', {})
  } finally {
    session.close()
  }
}

describe('scan', () => {
  it.each(LENGTHS.flatMap((length) => [false, true].map((reverse) => ({ length, reverse }))))(
    'gives the same as a loop, unrolled and eagerly: $length steps, reverse $reverse',
    ({ length, reverse }) => {
      const eager = outputsOf(runEagerly, length, recurrence(length, reverse, true))
      for (const loop of [true, false]) {
        expect(outputsOf(compile, length, recurrence(length, reverse, loop))).toEqual(eager)
      }
    },
  )

  it('puts each item at its time step, whichever way it goes', () => {
    // w = (½, −0.9), h₁ = x[1] first: then h₀ = w · x[1] + x[0], with x = (sin 0, sin 1), (sin 2, sin 3).
    const { all, last } = outputsOf(compile, 2, recurrence(2, true, true))
    const expected = [0.5 * Math.sin(2), Math.sin(1) - 0.9 * Math.sin(3), Math.sin(2), Math.sin(3)]
    expected.forEach((value, index) => {
      expect(all?.[index]).toBeCloseTo(value, 6)
    })
    expect(last).toEqual(all?.slice(0, 2))
  })

  it('takes a graph of constant size', () => {
    const sizes = [5, 60, 300].map((length) => {
      const node = vi.spyOn(GraphBuilder.prototype, 'node')
      compile(stateOf(length), { scan: { inputs: {}, step: recurrence(length, false, true) } }).close()
      const size = node.mock.calls.length
      node.mockRestore()
      return size
    })
    expect(new Set(sizes).size).toBe(1)
  })

  it('leaves nothing behind in 1000 runs', () => {
    const session = compile(stateOf(20), { scan: { inputs: {}, step: recurrence(20, false, true) } })
    for (let i = 0; i < 10; i++) session.run('scan', {})
    const before = resources()
    const memory = process.memoryUsage().rss
    for (let i = 0; i < 1000; i++) session.run('scan', {})
    expect(resources()).toEqual(before)
    // 60 items of 8 bytes a run: TensorArrays that stayed would be small, but each brings a resource of its own.
    expect(process.memoryUsage().rss - memory).toBeLessThan(30e6)
    session.close()
  })

  it('runs under a signature that is compiled with XLA, its loop outside of the clusters', () => {
    const step = recurrence(7, false, true)
    const session = compile(stateOf(7), { scan: { inputs: {}, step, xla: true } })
    expect(session.run('scan', {})).toEqual(outputsOf(runEagerly, 7, step))
    session.close()
  })

  it('refuses a carry that changes its shape', () => {
    const step: StepFunction = ({ state }) => {
      const xs = unstacked(at(state, 'x'), { loop: true })
      const { carry } = scan({ length: 3, loop: true }, [xs], [tf.zeros([2])], ([x], [h]) => {
        if (!x || !h) throw new Error('incomplete')
        return { carry: [tf.concat([x, h], 0)], items: [] }
      })
      return { outputs: { last: at(Object.fromEntries(carry.map((tensor) => ['last', tensor])), 'last') } }
    }
    expect(() => compile(stateOf(3), { scan: { inputs: {}, step } })).toThrow(/carry changes from \[2\] to \[4\]/)
  })
})
