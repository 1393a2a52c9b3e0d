import fc from 'fast-check'
import { expect, it } from 'vitest'
import { makeBatches } from '../../src/ml/batches.js'

it('gives every row once an epoch, whatever the sizes', () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 70 }),
      fc.integer({ min: 1, max: 4 }),
      fc.nat(),
      (count, batchSize, accumulateSteps, seed) => {
        const rows = Int32Array.from({ length: count }, (_, index) => 3 * index)
        const batches = makeBatches(rows, { batchSize, accumulateSteps, seed })
        expect(batches.fullBatches * batchSize + batches.restSize).toBe(count)
        const updates = Array.from({ length: batches.stepsPerEpoch }, (_, step) => batches.miniBatchesAt(step).at(-1))
        expect(updates.map((rows) => rows?.length === batchSize)).toEqual(
          updates.map((_, step) => step < batches.fullUpdates),
        )
        for (const epoch of [0, 1]) {
          const steps = Array.from({ length: batches.stepsPerEpoch }, (_, i) => epoch * batches.stepsPerEpoch + i)
          expect(steps.every((step) => batches.epochOf(step) === epoch)).toBe(true)
          const seen = steps.flatMap((step) => batches.miniBatchesAt(step).flatMap((rows) => [...rows]))
          expect(seen.sort((a, b) => a - b)).toEqual([...rows])
        }
      },
    ),
  ))

it('depends on nothing but seed and step', () => {
  const rows = Int32Array.from({ length: 25 }, (_, index) => index)
  const forward = makeBatches(rows, { batchSize: 4, accumulateSteps: 1, seed: 9 })
  const all = Array.from({ length: 21 }, (_, step) => [...(forward.miniBatchesAt(step)[0] ?? [])])
  const resumed = makeBatches(rows, { batchSize: 4, accumulateSteps: 1, seed: 9 })
  expect([...(resumed.miniBatchesAt(17)[0] ?? [])]).toEqual(all[17])
  expect([...(resumed.miniBatchesAt(3)[0] ?? [])]).toEqual(all[3])
  expect(all[7]).not.toEqual(all[0]) // another order in the second epoch
})
