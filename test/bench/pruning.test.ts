import { expect, it } from 'vitest'
import { judgeGoal, measurePruning, PRUNED_MODELS, type PruningResult } from '../../bench/pruning.js'
import type { Latency } from '../../src/contracts/pruning-report.js'

function modelOf(key: string) {
  const model = PRUNED_MODELS[key]
  if (!model) throw new Error(`no model ${key}`)
  return model
}

function measure(key: string, sparsity: number): Promise<PruningResult> {
  return measurePruning(modelOf(key), { sparsity, rounds: 6, batches: [1, 2] }, [])
}

function expectMeasured({ latency, compactionMs, largestDifference }: PruningResult): void {
  expect(latency.map(({ batch, rounds }) => [batch, rounds])).toEqual([
    [1, 6],
    [2, 6],
  ])
  for (const { denseMs, compactMs } of latency) expect(Math.min(denseMs.low, compactMs.low)).toBeGreaterThan(0)
  expect(compactionMs.min).toBeGreaterThan(0)
  expect(largestDifference).toBeLessThanOrEqual(1e-5)
}

it('removes filters and neurons of LeNet-5 and tells what that saves', async () => {
  const result = await measure('lenet-5', 0.75)
  expectMeasured(result)
  // Of 20, 50 and 500 units 5, 12 and 125 are left: 37.5 of 50 is rounded up. Images shrink 28 → 24 → 12 → 8 → 4.
  const [a, b, c] = [5, 12, 125]
  expect(result.parameters).toEqual({
    dense: 431_080,
    compact: 25 * a + a + (25 * a * b + b) + (16 * b * c + c) + (10 * c + 10),
  })
  expect(result.macs).toEqual({
    dense: 576 * 25 * 20 + 64 * 25 * 20 * 50 + 800 * 500 + 500 * 10,
    compact: 576 * 25 * a + 64 * 25 * a * b + 16 * b * c + 10 * c,
  })
  const { dense, masked, compact } = result.bytes
  expect(masked.dense).toBe(dense.dense)
  expect(masked.gzip).toBeLessThan(dense.gzip / 2)
  expect(masked.sparse).toBeLessThan(dense.sparse / 2)
  // In the masked network the bitmaps of what is gone are left.
  expect(compact.dense).toBeLessThan(masked.sparse)
  expect(result.parameters.compact * 4).toBeLessThan(compact.dense)
})

it('removes coupled filters of ResNet-8 together', async () => {
  const result = await measure('resnet-8', 0.5)
  expectMeasured(result)
  const normalized = (size: number, inputs: number, filters: number) => (size * inputs + 2) * filters
  expect(result.parameters.compact).toBe(
    normalized(9, 3, 8) +
      2 * normalized(9, 8, 8) +
      (normalized(9, 8, 16) + normalized(9, 16, 16) + normalized(1, 8, 16)) +
      (normalized(9, 16, 32) + normalized(9, 32, 32) + normalized(1, 16, 32)) +
      (32 * 10 + 10),
  )
})

it('reaches the goal only where the whole interval does', () => {
  const at = (batch: number, low: number, high: number): Latency => {
    const speedup = { median: (low + high) / 2, low, high }
    return { batch, rounds: 41, denseMs: speedup, compactMs: speedup, speedup, verdict: '' }
  }
  const judge = (low: number, high: number) => judgeGoal({ sparsity: 0.75, latency: [at(1, 9, 9), at(64, low, high)] })
  expect(judge(2.5, 3)).toBe('holds')
  expect(judge(2.4, 3)).toBe('is within the interval')
  expect(judge(2, 2.49)).toBe('does not hold')
  expect(judgeGoal({ sparsity: 0.5, latency: [at(64, 9, 9)] })).toBeNull()
  expect(judgeGoal({ sparsity: 0.75, latency: [at(1, 9, 9)] })).toBeNull()
})
