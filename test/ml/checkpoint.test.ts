import { describe, expect, it } from 'vitest'
import type { StoredTensors } from '../../src/formats/safetensors.js'
import { encodeSafetensors } from '../../src/formats/safetensors.js'
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../../src/ml/checkpoint.js'
import { emptyRunning } from '../../src/ml/running.js'

const state = {
  'dense-1/kernel': { type: 'float32', shape: [2, 2], values: Float32Array.of(1.5, -0, 1e-42, 3.4e38) },
  'adam/beta1-power': { type: 'float32', shape: [], values: Float32Array.of(0.9) },
} satisfies StoredTensors
const checkpoint: Checkpoint = {
  step: 12,
  pins: { tensorflow: '2.21.0', device: 'cpu', intraOpThreads: 2, oneDnn: true, xla: true, seed: 7 },
  running: { ...emptyRunning, clippedSteps: 3, epoch: { epoch: 1, steps: 2, examples: 20, sums: { loss: 0.1 + 0.2 } } },
  validationDue: true,
  state,
  best: { 'dense-1/kernel': { type: 'float32', shape: [1], values: Float32Array.of(2) } },
  good: [{ step: 8, wasRestored: true, state: { 'dense-1/kernel': state['dense-1/kernel'] } }],
  rebuilt: null,
}

describe('a checkpoint', () => {
  it('comes back bit for bit, −0 and denormals too', () => {
    const decoded = decodeCheckpoint(encodeCheckpoint(checkpoint), () => state)
    expect(decoded.step).toBe(12)
    expect(decoded.pins).toEqual(checkpoint.pins)
    expect(decoded.running).toEqual(checkpoint.running)
    expect(decoded.validationDue).toBe(true)
    const bits = (tensors: StoredTensors) =>
      Object.values(tensors).flatMap(({ values }) => [...new Uint8Array(values.slice().buffer)])
    const sorted = (tensors: StoredTensors) => Object.fromEntries(Object.entries(tensors).sort())
    expect(bits(sorted(decoded.state))).toEqual(bits(sorted(state)))
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['garbage', Uint8Array.of(1, 2, 3), /cannot be used/],
    ['another format', encodeSafetensors(state, { format: 'x' }), /format 'x'/],
    ['a missing tensor', encodeCheckpoint({ ...checkpoint, state: {} }), /missing: dense-1\/kernel/],
    [
      'another shape',
      encodeCheckpoint({
        ...checkpoint,
        state: { ...state, 'dense-1/kernel': { type: 'float32', shape: [4], values: new Float32Array(4) } },
      }),
      /dense-1\/kernel/,
    ],
  ])('is refused when it is %s', (_, bytes, message) => {
    expect(() => decodeCheckpoint(bytes, () => state)).toThrowError(
      expect.objectContaining({ code: 'CHECKPOINT_INVALID', message: expect.stringMatching(message) }),
    )
  })
})
