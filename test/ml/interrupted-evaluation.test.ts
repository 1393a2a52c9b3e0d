import { describe, expect, it } from 'vitest'
import { decodeSafetensors } from '../../src/formats/safetensors.js'
import { decodeCheckpoint } from '../../src/ml/checkpoint.js'
import { train } from '../../src/ml/train.js'
import { moonData, moonSpec, moons, optionsFor, type Recorded, recorder } from './fixtures.js'

/** 3000 rows: 1500 train in 3 steps an epoch, 1500 are validated in two batches. */
const ROWS = 3000
const large = {
  schema: { ...moons, trainRows: ROWS },
  data: moonData(ROWS),
  spec: moonSpec({ validation: { fraction: 0.5 }, batchSize: 500, epochs: 4, seed: 5 }),
}
const STEPS = 12

/** Aborted from the `count`-th look on: one look before every step and before every evaluation batch. */
function abortedAfter(count: number, reason: string): AbortSignal {
  const { signal } = new AbortController()
  let looks = 0
  Object.defineProperties(signal, { aborted: { get: () => ++looks >= count }, reason: { get: () => reason } })
  return signal
}

const series = ['loss', 'accuracy', 'validation.loss', 'validation.accuracy']

async function finished(recorded: Recorded, changes: Parameters<typeof optionsFor>[1] = {}) {
  const outcome = await train(optionsFor(recorded, { ...large, ...changes }))
  if (outcome.kind !== 'succeeded') throw new Error(`stopped at ${outcome.step}`)
  return { ...outcome.result, msPerStep: 0 }
}

/** Stops at that look, goes on from the checkpoint left behind, and compares with a run that was left alone. */
async function stopAndResume(look: number, step: number) {
  const whole = recorder()
  const expected = await finished(whole)
  const before = recorder()
  const outcome = await train(optionsFor(before, { ...large, signal: abortedAfter(look, 'shutdown') }))
  expect(outcome).toEqual({ kind: 'stopped', step })
  const checkpoint = before.checkpoints.get(step) ?? new Uint8Array()

  const after = recorder()
  expect(await finished(after, { resume: { step, checkpoint } })).toEqual(expected)
  for (const name of series) {
    // Of no step does each attempt tell.
    expect([...before.series(name), ...after.series(name)], name).toEqual([...whole.series(name)])
  }
  return { before, after, checkpoint }
}

describe('a stop during an evaluation', () => {
  it.each([
    ['before its first batch', 4],
    ['between two batches', 5],
  ])(
    'at the end of an epoch, %s: the resumed run validates that epoch, and all is as without a stop',
    async (_, look) => {
      const { before, after, checkpoint } = await stopAndResume(look, 3)
      expect(before.series('validation.loss').size).toBe(0)
      expect(decodeCheckpoint(checkpoint, () => decodeSafetensors(checkpoint).tensors).validationDue).toBe(true)
      // A chunk by itself: another attempt from the same checkpoint writes it again, and that must be the same one.
      expect(after.log[0]).toMatchObject({ kind: 'metrics', series: [{ steps: [2] }, { steps: [2] }] })
    },
  )

  it('leaves nothing to validate when the stop came after it', async () => {
    const { checkpoint } = await stopAndResume(6, 3)
    expect(decodeCheckpoint(checkpoint, () => decodeSafetensors(checkpoint).tensors).validationDue).toBe(false)
  })

  // 12 looks before steps, 2 in each of the 3 validations between epochs.
  it.each([
    ['validation', 20],
    ['test', 21],
  ])('after the last step, on the %s rows: nothing is trained again', async (split, look) => {
    const whole = recorder()
    const expected = await finished(whole)
    const before = recorder()
    const outcome = await train(optionsFor(before, { ...large, signal: abortedAfter(look, 'shutdown') }))
    expect(outcome).toEqual({ kind: 'stopped', step: STEPS })
    expect(before.artifacts.size).toBe(0)

    const after = recorder()
    const checkpoint = before.checkpoints.get(STEPS) ?? new Uint8Array()
    expect(await finished(after, { resume: { step: STEPS, checkpoint } })).toEqual(expected)
    expect(after.series('loss').size).toBe(0)
    expect(after.progress).toEqual([])
    const last = whole.series('validation.loss').get(STEPS - 1)
    expect([...after.series('validation.loss')]).toEqual([[STEPS - 1, last]])
    expect(before.series('validation.loss').get(STEPS - 1)).toBe(split === 'test' ? last : undefined)
    // The same chunk as a former attempt may have written, so it is stored once.
    const final = { kind: 'metrics', series: [{ steps: [STEPS - 1] }, { steps: [STEPS - 1] }] }
    expect(after.log).toMatchObject([final])
    if (split === 'test') expect(before.log.at(-1)).toMatchObject(final)
  })

  it('by a cancellation leaves no checkpoint', async () => {
    const recorded = recorder()
    const outcome = await train(optionsFor(recorded, { ...large, signal: abortedAfter(5, 'cancel') }))
    expect(outcome).toEqual({ kind: 'stopped', step: 3 })
    expect(recorded.checkpoints.size).toBe(0)
  })
})
