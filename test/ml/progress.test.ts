import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { makeProgressMeter } from '../../src/ml/progress.js'

const at = (step: number) => ({ step, steps: 400, epoch: 0, clippedStepShare: 0, sparsity: 0 })
const numbers = (loss: number, accuracy: number | null = null) => ({ loss, accuracy, gradientNorm: 2 * loss })

describe('the progress of a run', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('is a mean over the last 20 steps, however many there were since the last report', () => {
    const meter = makeProgressMeter(0)
    for (let step = 0; step < 100; step++) meter.add(numbers(step, step / 100))
    // 80 … 99
    const progress = meter.take(at(100), 300)
    expect(progress?.loss).toBeCloseTo(89.5, 12)
    expect(progress?.accuracy).toBeCloseTo(0.895, 12)
    expect(progress?.gradientNorm).toBeCloseTo(179, 12)
    meter.add(numbers(100, 1))
    expect(meter.take(at(101), 299)?.loss).toBeCloseTo(90.5, 12)
  })

  it('has no norm where there are no gradients', () => {
    const meter = makeProgressMeter(0)
    meter.add({ loss: 1, accuracy: 1, gradientNorm: null })
    expect(meter.take({ ...at(1), clippedStepShare: null }, 1)).toMatchObject({
      gradientNorm: null,
      clippedStepShare: null,
    })
  })

  it('is not told before there is a step, and has no accuracy where there is none', () => {
    const meter = makeProgressMeter(0)
    expect(meter.take(at(0), 400)).toBeNull()
    meter.add(numbers(1))
    expect(meter.take(at(1), 399)?.accuracy).toBeNull()
  })

  it('knows the pace since the last report, and estimates the time left from that of several', () => {
    const meter = makeProgressMeter(100)
    meter.add(numbers(1))
    vi.advanceTimersByTime(1000)
    // 100 steps in 1 s: 10 ms a step.
    expect(meter.take(at(200), 200)).toMatchObject({ stepsPerSecond: 100, etaSeconds: 2 })
    vi.advanceTimersByTime(1000)
    // 50 steps in 1 s: 20 ms a step; 0.7 · 10 + 0.3 · 20 = 13 ms.
    const slower = meter.take(at(250), 150)
    expect(slower?.stepsPerSecond).toBe(50)
    expect(slower?.etaSeconds).toBeCloseTo(150 * 0.013, 12)
    expect(meter.take(at(250), 0)?.etaSeconds).toBe(0)
    expect(meter.take(at(250), null)?.etaSeconds).toBeNull()
  })
})
