import { beforeEach, expect, it, vi } from 'vitest'
import { compile } from '../../../src/ml/engine/compile.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { train } from '../../../src/ml/train.js'
import { moonSpec, optionsFor, recorder } from '../fixtures.js'
import { at, scalar } from './support.js'

const calls = vi.hoisted(() => ({ runSavedModel: 0, executeOp: 0 }))

/** The real addon behind counters, for Espalier and for tfjs. Its properties are read-only: new ones are defined in front of them. */
vi.mock('../../../src/ml/engine/binding.js', async (importOriginal) => {
  const actual = await importOriginal<typeof import('../../../src/ml/engine/binding.js')>()
  const { native: addon, backend } = actual
  const executeOp: typeof addon.executeOp = (...call) => {
    calls.executeOp++
    return addon.executeOp(...call)
  }
  const runSavedModel: typeof addon.runSavedModel = (...call) => {
    calls.runSavedModel++
    return addon.runSavedModel(...call)
  }
  const native: typeof addon = Object.create(addon, {
    executeOp: { value: executeOp },
    runSavedModel: { value: runSavedModel },
  })
  backend.binding = native
  return { ...actual, native }
})

beforeEach(() => {
  calls.runSavedModel = 0
  calls.executeOp = 0
})

it('counts what tfjs executes by itself', () => {
  tf.tidy(() => tf.add(tf.scalar(1), tf.scalar(2)))
  expect(calls).toEqual({ runSavedModel: 0, executeOp: 1 })
})

it('runs a step of many operations as one native call', () => {
  const session = compile(
    { w: scalar(3) },
    {
      step: {
        inputs: { x: { shape: [], dtype: 'float32' } },
        step: ({ state, inputs }) => {
          const w = at(state, 'w')
          const next = tf.sub(w, tf.mul(tf.tanh(w), at(inputs, 'x')))
          return { state: { w: next }, outputs: { norm: tf.sqrt(tf.square(next)) } }
        },
      },
    },
  )
  expect(calls.executeOp).toBeGreaterThan(0) // the recording
  calls.runSavedModel = calls.executeOp = 0
  for (let step = 1; step <= 5; step++) {
    session.run('step', { x: Float32Array.of(0.1) })
    expect(calls).toEqual({ runSavedModel: step, executeOp: 0 })
  }
  session.close()
})

it.each([
  ['a dense step', {}],
  ['a pruned step', { pruning: { schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 0 } } }],
  ['a step of Adam', { optimizer: { kind: 'adam' }, clipping: { mode: 'norm', maxNorm: 1 } }],
])('trains with one native call a step: %s', async (_, fields) => {
  const callsFor = async (steps: number) => {
    calls.runSavedModel = calls.executeOp = 0
    const spec = moonSpec({ epochs: undefined, steps, engine: { xla: 'never' }, ...fields })
    await train(optionsFor(recorder(), { spec }))
    return { ...calls }
  }
  // Set-up, evaluation and export are the same for both: the difference is 20 steps, full and partial batches among them.
  const [ten, thirty] = [await callsFor(10), await callsFor(30)]
  expect(thirty.runSavedModel - ten.runSavedModel).toBe(20)
  expect(thirty.executeOp - ten.executeOp).toBe(0)
})
