import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { METRIC_TARGETS, SET_METRICS, type SetMetricName } from '../../../src/contracts/metric-name.js'
import { confusionOf, decisionsOf } from '../../../src/ml/metrics/confusion.js'
import type { Evaluated } from '../../../src/ml/metrics/evaluated.js'
import { measure } from '../../../src/ml/metrics/measure.js'
import { makeRandom } from '../../../src/random.js'

interface Size {
  readonly rows: number
  readonly size: number
  readonly seed: number
}
const sizes = (size: fc.Arbitrary<number>): fc.Arbitrary<Size> =>
  fc.record({ rows: fc.integer({ min: 1, max: 30 }), size, seed: fc.nat(1_000_000) })

/** Predictions of few different values, so that many are tied; rows of classes sum to 1. */
function draw(target: Evaluated['target'], { rows, size, seed }: Size): Evaluated {
  const random = makeRandom(seed, target)
  const coarse = () => Math.round(8 * random.uniform()) / 8
  const predictions = Float32Array.from({ length: rows * size }, coarse)
  const whole = (end: number) => Math.floor(random.uniform() * end)
  const labels =
    target === 'classes'
      ? Int32Array.from({ length: rows }, () => whole(Math.max(2, size)))
      : Float32Array.from({ length: rows * size }, () => (target === 'labels' ? whole(2) : 3 * random.normal()))
  return { target, predictions, labels, rows, size, threshold: 0.5 }
}

const binary = (scores: number[], labels: number[]): Evaluated => ({
  target: 'classes',
  predictions: Float32Array.from(scores),
  labels: Int32Array.from(labels),
  rows: labels.length,
  size: 1,
  threshold: 0.5,
})
const scoreOf = (name: SetMetricName, evaluated: Evaluated) => measure(name, evaluated).value

const cases = SET_METRICS.flatMap((name) =>
  METRIC_TARGETS[name].flatMap((kind) => (kind === 'tokens' ? [] : [{ name, target: kind }])),
)

describe.each(cases)('$name of $target', ({ name, target }) => {
  it('is a finite number, or null with a reason; the order of the rows does not matter', () =>
    fc.assert(
      fc.property(sizes(fc.integer({ min: 1, max: 4 })), (size) => {
        const evaluated = draw(target, size)
        const { value, reason } = measure(name, evaluated)
        expect(value === null ? (reason ?? '').length > 0 : Number.isFinite(value)).toBe(true)
        const order = [...makeRandom(size.seed, 'order').permutation(size.rows)]
        const pick = <T extends Float32Array | Int32Array>(values: T, wide: number) =>
          order.flatMap((row) => [...values.subarray(row * wide, (row + 1) * wide)])
        const shuffled = {
          ...evaluated,
          predictions: Float32Array.from(pick(evaluated.predictions, size.size)),
          labels:
            evaluated.labels instanceof Int32Array
              ? Int32Array.from(pick(evaluated.labels, 1))
              : Float32Array.from(pick(evaluated.labels, size.size)),
        }
        const again = scoreOf(name, shuffled)
        if (value === null) expect(again).toBeNull()
        else expect(again).toBeCloseTo(value, 9)
      }),
    ))

  it('says why there is none without rows, and for a prediction that is NaN', () => {
    const evaluated = draw(target, { rows: 3, size: 2, seed: 1 })
    expect(measure(name, { ...evaluated, rows: 0 }).reason).toMatch(/no rows/)
    const predictions = evaluated.predictions.slice().fill(Number.NaN, 0, 1)
    expect(measure(name, { ...evaluated, predictions }).reason).toMatch(/NaN/)
  })
})

describe('auc', () => {
  it('is the share of pairs that are ordered right, ties one half', () =>
    fc.assert(
      fc.property(sizes(fc.constant(1)), (size) => {
        const { predictions, labels, ...rest } = draw('classes', size)
        const scores = (wanted: number) => [...predictions].filter((_, row) => labels[row] === wanted)
        const [yes, no] = [scores(1), scores(0)]
        const wins = yes.flatMap((a) => no.map((b): number => (a > b ? 1 : a === b ? 0.5 : 0)))
        const area = scoreOf('auc', { predictions, labels, ...rest })
        if (wins.length === 0) expect(area).toBeNull()
        else expect(area).toBeCloseTo(wins.reduce((sum, win) => sum + win, 0) / wins.length, 12)
      }),
    ))

  it('has no value when a class is missing, and names it', () => {
    expect(measure('auc', binary([0.2, 0.9], [0, 0])).reason).toBe('no row has class 1')
    expect(measure('auc', binary([0.2, 0.9], [1, 1])).reason).toBe('every row has class 1')
    expect(measure('average-precision', binary([0.2, 0.9], [1, 1])).value).toBe(1)
  })

  it('of softmax over two classes is that of the second', () => {
    const one = binary([0.2, 0.7, 0.4, 0.9], [0, 1, 1, 0])
    const two = { ...one, size: 2, predictions: Float32Array.of(0.8, 0.2, 0.3, 0.7, 0.6, 0.4, 0.1, 0.9) }
    for (const name of ['auc', 'average-precision', 'brier'] as const)
      expect(scoreOf(name, two)).toBeCloseTo(scoreOf(name, one) ?? Number.NaN, 6)
  })

  it('takes a million rows in a moment', () => {
    const random = makeRandom(1, 'many')
    const scores = Array.from({ length: 1_000_000 }, () => random.uniform())
    const begun = performance.now()
    expect(
      scoreOf(
        'auc',
        binary(
          scores,
          scores.map((score) => (score > 0.5 ? 1 : 0)),
        ),
      ),
    ).toBe(1)
    expect(performance.now() - begun).toBeLessThan(10_000) // about 1 s; a quadratic algorithm takes hours
  })
})

it('average-precision of (0.9 yes, 0.8 no, 0.7 yes) is ½ · 1 + ½ · ⅔', () => {
  expect(scoreOf('average-precision', binary([0.7, 0.9, 0.8], [1, 1, 0]))).toBeCloseTo(0.5 + 1 / 3, 12)
})

describe('decisions', () => {
  it('every row is right for one class or missed by one, and is a wrong one of another', () =>
    fc.assert(
      fc.property(sizes(fc.integer({ min: 1, max: 4 })), (size) => {
        const evaluated = draw('classes', size)
        const all = decisionsOf(evaluated)
        const sum = (part: 'right' | 'wrong' | 'missed') => all.reduce((total, one) => total + one[part], 0)
        expect(sum('right') + sum('missed')).toBe(size.rows)
        expect(sum('wrong')).toBe(sum('missed'))
        expect(confusionOf(evaluated).flat()).toSatisfy(
          (counts: number[]) => counts.reduce((a, b) => a + b) === size.rows,
        )
        // Of classes the micro averages are all the accuracy.
        for (const name of ['precision-micro', 'recall-micro', 'f1-micro', 'recall-weighted'] as const)
          expect(scoreOf(name, evaluated)).toBeCloseTo(sum('right') / size.rows, 12)
      }),
    ))

  it('all right: every score is 1', () => {
    const evaluated = { ...draw('classes', { rows: 3, size: 3, seed: 1 }), labels: Int32Array.of(0, 1, 2) }
    const right = { ...evaluated, predictions: Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1) }
    for (const name of ['precision-macro', 'recall-macro', 'f1-weighted', 'matthews', 'cohen-kappa'] as const)
      expect(scoreOf(name, right)).toBeCloseTo(1, 12)
  })

  it('always the same answer: kappa has no value if the labels are all it too, matthews is 0', () => {
    const same = binary([0.9, 0.9], [1, 1])
    expect(measure('cohen-kappa', same).reason).toMatch(/same class/)
    expect(scoreOf('matthews', same)).toBe(0)
    expect(scoreOf('cohen-kappa', binary([0.9, 0.9], [1, 0]))).toBe(0)
  })

  it('of labels: each alone; label 0 right once, missed once; label 1 wrong once, right once', () => {
    const evaluated: Evaluated = {
      target: 'labels',
      predictions: Float32Array.of(0.9, 0.9, 0.1, 0.9),
      labels: Float32Array.of(1, 0, 1, 1),
      rows: 2,
      size: 2,
      threshold: 0.5,
    }
    expect(decisionsOf(evaluated)).toEqual([
      { right: 1, wrong: 0, missed: 1 },
      { right: 1, wrong: 1, missed: 0 },
    ])
    expect(scoreOf('precision-macro', evaluated)).toBe(0.75) // (1 + ½) / 2
    expect(scoreOf('recall-micro', evaluated)).toBeCloseTo(2 / 3, 12)
  })
})

describe('probabilities', () => {
  it('log-loss of a share of 0 is clipped at 2⁻²³', () => {
    expect(scoreOf('log-loss', binary([0], [1]))).toBeCloseTo(23 * Math.LN2, 9)
  })

  it('log-loss of classes takes the share of the row: (0.2, 0.6) for class 1 is −log ¾', () => {
    const evaluated = { ...binary([0.2, 0.6], [1]), size: 2 }
    expect(scoreOf('log-loss', evaluated)).toBeCloseTo(-Math.log(0.75), 6)
  })

  it('brier of three classes is the sum over them: (0.5, 0.25, 0.25) for class 0 is ¼ + 2 / 16', () => {
    expect(scoreOf('brier', { ...binary([0.5, 0.25, 0.25], [0]), size: 3 })).toBe(0.375)
  })

  it('scores that are no probabilities have neither', () => {
    expect(measure('log-loss', binary([1.5], [1])).reason).toMatch(/no probabilities/)
    expect(measure('brier', binary([-0.5], [1])).reason).toMatch(/no probabilities/)
  })
})

describe('regression', () => {
  const numbers = (predictions: number[], labels: number[], size = 1): Evaluated => ({
    target: 'number',
    predictions: Float32Array.from(predictions),
    labels: Float32Array.from(labels),
    rows: labels.length / size,
    size,
    threshold: 0.5,
  })

  it('an offset costs r2 but not explained-variance: labels (0, 2, 4), all 1 too high: 1 − 3 / 8', () => {
    const shifted = numbers([1, 3, 5], [0, 2, 4])
    expect(scoreOf('r2', shifted)).toBe(0.625)
    expect(scoreOf('explained-variance', shifted)).toBe(1)
  })

  it('r2 of the mean is 0; one row has no variance', () => {
    expect(scoreOf('r2', numbers([2, 2, 2], [0, 2, 4]))).toBe(0)
    expect(measure('r2', numbers([2], [0])).reason).toMatch(/two are needed/)
  })

  it('takes the median of each of two targets, and the largest error of all', () => {
    // Errors of the first: 1, 3, 5, 7, median 4; of the second: 0, 0, 0, −9, median 0.
    const evaluated = numbers([0, 0, 0, 0, 0, 0, 0, 9], [1, 0, 3, 0, 5, 0, 7, 0], 2)
    expect(scoreOf('median-absolute-error', evaluated)).toBe(2)
    expect(scoreOf('max-error', evaluated)).toBe(9)
    expect(scoreOf('median-absolute-error', numbers([0, 0, 0], [1, 30, 2]))).toBe(2)
  })
})
