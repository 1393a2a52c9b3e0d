import { describe, expect, it } from 'vitest'
import { moonSpec } from './fixtures.js'
import { eventsOf, finished } from './runs.js'

/** 90 rows in batches of 20: 5 steps an epoch. */
const pruning = { schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 20 } }
const validation = { fraction: 0 }
/** No improvement is large enough. */
const never = 1e9

describe('a job that is pruned', () => {
  it('is not compared with what it was before: patience begins after the last mask update', async () => {
    const earlyStopping = { monitor: 'loss', minDelta: never, patience: 3 }
    const { result, recorded } = await finished({ spec: moonSpec({ pruning, validation, earlyStopping, epochs: 20 }) })
    // The mask of step 20 is first trained with in the epoch that ends at 25, the reference; three more do not beat it.
    expect(result.steps).toBe(40)
    const [told] = eventsOf(recorded, 'training.stopped-early')
    expect(told).toMatchObject({ step: 40, reason: 'patience' })
    expect(told?.bestStep).toBeGreaterThanOrEqual(25)
  })

  it('keeps its learning rate until it has not improved since the masks were updated', async () => {
    const schedule = { kind: 'plateau', monitor: 'loss', minDelta: never, patience: 2, factor: 0.5 }
    const optimizer = { kind: 'sgd', learningRate: 0.1, schedule }
    const at12 = { schedule: { ...pruning.schedule, beginStep: 12 } }
    const { recorded } = await finished({ spec: moonSpec({ pruning: at12, optimizer, epochs: 6 }) })
    // 5: best; 10: one without improvement; 15: the first of the pruned weights, so best again; 20, 25: two without.
    expect(eventsOf(recorded, 'learning-rate.reduced')).toEqual([{ step: 25, factor: 0.5 }])
  })
})

describe('the monitor loss', () => {
  it('is the mean over the examples since the last evaluation, across the end of an epoch', async () => {
    const earlyStopping = { monitor: 'loss', minDelta: never, patience: 1 }
    const spec = moonSpec({ validation: { ...validation, everySteps: 3 }, earlyStopping, epochs: 4 })
    const { result, recorded } = await finished({ spec })
    expect(result.steps).toBe(6)
    const losses = [...recorded.series('loss').values()]
    const sizes = [20, 20, 20, 20, 10, 20]
    const mean = (steps: number[]) => {
      const examples = steps.reduce((sum, step) => sum + (sizes[step] ?? 0), 0)
      return steps.reduce((sum, step) => sum + (losses[step] ?? 0) * (sizes[step] ?? 0), 0) / examples
    }
    const [told] = eventsOf(recorded, 'training.stopped-early')
    expect(told?.best).toBeCloseTo(Math.min(mean([0, 1, 2]), mean([3, 4, 5])), 12)
    expect(mean([3, 4, 5])).toBeLessThan(mean([0, 1, 2]))
  })
})
