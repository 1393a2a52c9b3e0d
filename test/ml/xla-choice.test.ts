import type { Tensor2D } from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { decodeSafetensors, type StoredTensors } from '../../src/formats/safetensors.js'
import { decodeCheckpoint, encodeCheckpoint } from '../../src/ml/checkpoint.js'
import { compile } from '../../src/ml/engine/compile.js'
import { tf } from '../../src/ml/engine/tensorflow.js'
import type { SignatureSpec } from '../../src/ml/engine/types.js'
import { buildModel } from '../../src/ml/models/model.js'
import { tensorAt } from '../../src/ml/optimizers/optimizer.js'
import { train } from '../../src/ml/train.js'
import { cpuClock, planXla, raceXla } from '../../src/ml/xla-choice.js'
import { expandModel } from '../../src/planning/presets.js'
import { filledSpecOf } from '../planning/fixtures.js'
import { optionsFor, plannedMoonSpec, recorder } from './fixtures.js'

describe('planXla', () => {
  const plan = (fields: Record<string, unknown>, steps: number, batches = 1) => {
    const spec = filledSpecOf(fields)
    return planXla(spec, buildModel(expandModel(spec.model), spec.loss), steps, batches)
  }

  it('races dense networks when the job is long enough', () => {
    expect(plan({}, 2000)).toBe('race')
    expect(plan({}, 1999)).toBe('plain')
    expect(plan({}, 2000, 0)).toBe('plain')
  })

  it('never compiles a convolution unless told to', () => {
    expect(plan({ model: { kind: 'preset', name: 'lenet-5' } }, 100_000)).toBe('plain')
    expect(plan({ model: { kind: 'preset', name: 'lenet-5' }, engine: { xla: 'always' } }, 1)).toBe('xla')
    expect(plan({ engine: { xla: 'never' } }, 100_000)).toBe('plain')
  })
})

describe('raceXla', () => {
  /** w ← w · w · … / 100, so many times over: work that takes a time in proportion. */
  const products = (count: number): SignatureSpec => ({
    inputs: {},
    step: ({ state }) => {
      const before = tensorAt(state, 'w')
      let w = before
      for (let i = 0; i < count; i++) w = tf.div(tf.matMul(w as Tensor2D, before as Tensor2D), 100)
      return { state: { w }, outputs: { sum: tf.sum(w) } }
    },
  })
  const initial: StoredTensors = {
    w: { type: 'float32', shape: [256, 256], values: new Float32Array(65_536).fill(0.5) },
  }

  it.each([
    ['light', 'heavy', false],
    ['heavy', 'light', true],
  ])(
    'with %s against %s: takes the second unless it is clearly slower, and restores the state',
    (plain, xla, expected) => {
      const session = compile(initial, { light: products(1), heavy: products(8) })
      try {
        expect(raceXla(session, { plain, xla }, {}, ['w'], cpuClock)).toBe(expected)
        expect(session.get(['w'])).toEqual(initial)
      } finally {
        session.close()
      }
    },
  )
})

describe('a job with XLA', () => {
  it('chosen by a race stores the choice before the first step, and is not raced again', async () => {
    const spec = plannedMoonSpec({ epochs: undefined, steps: 2000 })
    const stopping = new AbortController()
    const first = recorder(() => stopping.abort('shutdown'))
    expect(await train(optionsFor(first, { spec, signal: stopping.signal }))).toEqual({ kind: 'stopped', step: 0 })
    expect([...first.checkpoints.keys()]).toEqual([0])

    const bytes = first.checkpoints.get(0) ?? new Uint8Array()
    const stored = decodeCheckpoint(bytes, () => decodeSafetensors(bytes).tensors)
    expect(stored.pins).toEqual(first.started[0]?.pins)
    // Whatever the race said, the other choice is kept to as well.
    for (const xla of [true, false]) {
      const checkpoint = encodeCheckpoint({ ...stored, pins: { ...stored.pins, xla } })
      const resumed = recorder()
      const signal = AbortSignal.abort('shutdown')
      await train(optionsFor(resumed, { spec, signal, resume: { step: 0, checkpoint } }))
      expect(resumed.started[0]?.pins.xla).toBe(xla)
      expect(resumed.checkpoints.size).toBe(0)
    }
  })

  it.each([
    // 90 rows: mini-batches of 20, 20, 20, 20 and 10 make one update an epoch, whose last one is the rest.
    ['has no full update to compile: it is not raced', 5, []],
    ['has full updates of several mini-batches: these are raced', 2, [0]],
  ])('%s', async (_, accumulateSteps, checkpoints) => {
    const spec = plannedMoonSpec({ optimizer: { kind: 'sgd', accumulateSteps }, epochs: undefined, steps: 2500 })
    const recorded = recorder()
    const outcome = await train(optionsFor(recorded, { spec, signal: AbortSignal.abort('cancel') }))
    expect(outcome).toEqual({ kind: 'stopped', step: 0 })
    // The choice of a race is stored at once.
    expect([...recorded.checkpoints.keys()]).toEqual(checkpoints)
  })

  it('says so in its pins, keeps to it when resumed, and repeats', async () => {
    const spec = plannedMoonSpec({ engine: { xla: 'always' }, epochs: 4, checkpoints: { everySteps: 8 } })
    const whole = recorder()
    const outcome = await train(optionsFor(whole, { spec }))
    const checkpoint = whole.checkpoints.get(8) ?? new Uint8Array()
    expect(decodeCheckpoint(checkpoint, () => decodeSafetensors(checkpoint).tensors).pins.xla).toBe(true)
    // `auto` would take the plain graph for so short a job.
    const resumed = recorder()
    const again = await train(
      optionsFor(resumed, { spec: { ...spec, engine: { xla: 'auto' } }, resume: { step: 8, checkpoint } }),
    )
    if (outcome.kind !== 'succeeded' || again.kind !== 'succeeded') throw new Error('stopped')
    expect(again.result.weightsSha256).toBe(outcome.result.weightsSha256)
    expect(resumed.started[0]?.pins).toEqual(whole.started[0]?.pins)
    expect(resumed.events.map(({ type }) => type)).not.toContain('training.pins-changed')
  })
})
