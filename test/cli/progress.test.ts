import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { makeProgressLine } from '../../src/cli/figures.js'
import { showProgress } from '../../src/cli/progress.js'
import type { EventType, JobEvent } from '../../src/contracts/event.js'
import type { JobProgress } from '../../src/contracts/training-job.js'

const progress = (step: number, changes: Partial<JobProgress> = {}): JobProgress => ({
  step,
  steps: 100,
  epoch: 0,
  loss: 0.12345,
  accuracy: 0.975,
  gradientNorm: 1.5,
  clippedStepShare: 0.25,
  sparsity: 0.5,
  stepsPerSecond: 10,
  etaSeconds: 9.1,
  ...changes,
})

const event = (type: EventType, data: Record<string, unknown> = {}): JobEvent => ({
  sequence: 1,
  type,
  attempt: 2,
  data,
  at: '2026-01-01T00:00:00.000Z',
})

/** A pipe instead of a terminal, and the lines that were written to it. */
function shown() {
  const pipe = new PassThrough({ encoding: 'utf8' })
  // A WriteStream is what stderr is typed as; into a pipe Node itself gives it a stream without the members of a terminal.
  const display = showProgress('job', pipe as unknown as NodeJS.WriteStream)
  return {
    display,
    lines: () =>
      String(pipe.read() ?? '')
        .split('\n')
        .slice(0, -1),
  }
}

describe('progress into a pipe', () => {
  beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }))
  afterEach(() => void vi.useRealTimers())

  it('is a plain line with the figures, without control characters', () => {
    const { display, lines } = shown()
    display.progress?.(progress(10))
    const [line, ...more] = lines()
    expect(line).toBe(
      'job 10/100 loss 0.1235  accuracy 97.5 %  gradient norm 1.500  clipped 25.0 %  sparsity 50.0 %  ETA 10 s',
    )
    expect(more).toEqual([])
  })

  it('leaves out an accuracy that the job does not have, and a time that nobody knows yet', () => {
    const { display, lines } = shown()
    display.progress?.(progress(10, { accuracy: null, etaSeconds: null }))
    expect(lines()).toEqual(['job 10/100 loss 0.1235  gradient norm 1.500  clipped 25.0 %  sparsity 50.0 %  ETA ?'])
  })

  it('leaves out gradients of a job that has none', () => {
    const { display, lines } = shown()
    display.progress?.(progress(10, { gradientNorm: null, clippedStepShare: null }))
    expect(lines()).toEqual(['job 10/100 loss 0.1235  accuracy 97.5 %  sparsity 50.0 %  ETA 10 s'])
    const narrow = makeProgressLine('job')(progress(10, { gradientNorm: null, clippedStepShare: null }), 60)
    expect(narrow).not.toMatch(/norm|clip|null|NaN/)
  })

  it('comes every two seconds, and the last of it at the end', () => {
    const { display, lines } = shown()
    const steps = () => lines().map((line) => line.split(' ')[1])
    for (let step = 1; step <= 50; step++) {
      display.progress?.(progress(step))
      vi.advanceTimersByTime(100)
    }
    // At 0 s, 2 s and 4 s, ten reports a second.
    expect(steps()).toEqual(['1/100', '21/100', '41/100'])
    display.end()
    expect(steps()).toEqual(['50/100'])
    display.end()
    expect(steps()).toEqual([])
  })

  it('has a line for an event, but none for those that come by the dozen', () => {
    const { display, lines } = shown()
    display.event?.(event('attempt.started'))
    display.event?.(event('checkpoint.saved', { step: 500, bytes: 1 }))
    display.event?.(event('pruning.updated', { step: 500, sparsity: 0.5 }))
    display.event?.(event('attempt.interrupted', { reason: 'the trainer died', code: 'TRAINER_DIED' }))
    display.event?.(event('job.failed', { code: 'TIME_LIMIT', message: 'too long' }))
    display.event?.(event('job.succeeded'))
    display.reconnecting?.('the service went away')
    display.reconnecting?.('and again')
    expect(lines()).toEqual([
      'job attempt 2 started',
      'job attempt 2 interrupted: the trainer died',
      'job connection lost, trying again',
    ])
  })

  it('is told before the event that follows it', () => {
    const { display, lines } = shown()
    display.progress?.(progress(1))
    display.progress?.(progress(2))
    display.event?.(event('attempt.interrupted', { reason: 'gone' }))
    expect(lines().map((line) => line.slice(0, 14))).toEqual(['job 1/100 loss', 'job 2/100 loss', 'job attempt 2 '])
  })
})

const ID = 'job_01996f2e-0000-7000-8000-0000004ab12c'

const ESCAPE = String.fromCharCode(27)
const CONTROL = new RegExp(`${ESCAPE}(\\[[0-9;?]*[A-Za-z]|[0-9])`, 'g')

/** A terminal of a width, and the text that was written to it without its control sequences. */
function terminal(columns: number, isDumb = false) {
  const pipe = new PassThrough({ encoding: 'utf8' })
  const display = showProgress(
    ID,
    Object.assign(pipe, { isTTY: true, columns }) as unknown as NodeJS.WriteStream,
    isDumb,
  )
  const raw = () => String(pipe.read() ?? '')
  const text = () => raw().replace(CONTROL, '\r')
  return { display, raw, text }
}

describe('progress on a terminal', () => {
  it.each([60, 80, 140])('has the figures and fits into %i columns', (columns) => {
    const { display, text } = terminal(columns)
    display.progress?.(progress(4200, { steps: 12_000 }))
    display.end()
    const [line = ''] = text()
      .split(/[\r\n]+/)
      .filter((one) => one.includes('loss'))
    expect(line.length).toBeLessThan(columns)
    expect(line).toMatch(/4200\/12000 +loss 0\.12\d* +acc.* 9[78](\.5)? ?% .*norm 1\.5.* 25.* 50.* 10 ?s/)
    expect(line.includes('░')).toBe(columns >= 80)
  })

  it('does not grow back when a figure gets shorter', () => {
    const line = makeProgressLine('job')
    const at = (etaSeconds: number) => line(progress(10, { etaSeconds }), 79)
    const long = at(100_000)
    expect(at(9).includes('job')).toBe(long.includes('job'))
    expect(makeProgressLine('job')(progress(10, { etaSeconds: 9 }), 79)).not.toBe(at(9))
  })

  it('has events above the bar, and the bar again below them', () => {
    const { display, text } = terminal(140)
    display.event?.(event('job.created'))
    display.event?.(event('attempt.started'))
    display.progress?.(progress(10))
    display.event?.(event('attempt.interrupted', { reason: 'the trainer died' }))
    display.end()
    const lines = text()
      .split('\n')
      .map((line) => line.split('\r').filter(Boolean).at(-1))
    expect(lines.slice(0, 3)).toEqual([
      `${ID} created`,
      `${ID} attempt 2 started`,
      `${ID} attempt 2 interrupted: the trainer died`,
    ])
    expect(lines[3]).toMatch(/^…4ab12c 10\/100 {2}loss 0\.1235/)
  })

  it('is plain lines where the cursor cannot move', () => {
    const { display, raw } = terminal(80, true)
    display.progress?.(progress(10))
    display.end()
    const written = raw()
    expect(written).toMatch(/^job_\S+ 10\/100 loss .*\n$/)
    expect(written).not.toContain(ESCAPE)
  })
})
