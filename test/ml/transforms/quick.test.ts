import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { ClippingSpec } from '../../../src/contracts/clipping.js'
import { compile } from '../../../src/ml/engine/compile.js'
import { runEagerly } from '../../../src/ml/engine/eager.js'
import type { Session, SignatureSpec } from '../../../src/ml/engine/types.js'
import { tensorAt } from '../../../src/ml/optimizers/optimizer.js'
import { makeClipping } from '../../../src/ml/transforms/clipping.js'
import { quickFigures } from '../../../src/ml/transforms/figures.js'
import { makeQuick } from '../../../src/ml/transforms/quick.js'
import { baseThreshold } from '../../../src/ml/transforms/threshold.js'
import { makeRandom } from '../../../src/random.js'
import { exactNorm, gradientTrees, type Values } from '../tensors.js'
import { clipSteps, MODES, nameOf, specOf } from './modes.js'

/** What a mode does changes by leaps where it replaces a spike by the mean; elsewhere nearly equal norms are clipped nearly alike. */
const CONTINUOUS = MODES.filter((spec) => spec.mode !== 'z-score' || spec.response === 'adaptive-scaling')
const NAMED = CONTINUOUS.map((spec) => [nameOf(spec), spec] as const)
const few = { numRuns: 40 }

function expectClose(actual: ArrayLike<number> | undefined, expected: ArrayLike<number>, what: string) {
  expect(actual?.length, what).toBe(expected.length)
  for (let i = 0; i < expected.length; i++) {
    const [x, y] = [actual?.[i] ?? Number.NaN, expected[i] ?? Number.NaN]
    expect(Math.abs(x - y), `${what}[${i}]: ${x}, expected ${y}`).toBeLessThanOrEqual(1e-5 * Math.abs(y) + 1e-9)
  }
}

/** Without elements that count as 0. */
const coarse = (values: Values): Values =>
  Object.fromEntries(
    Object.entries(values).map(([name, list]) => [name, list.map((x) => (Math.abs(x) < 2 ** -62 ? 0 : x))]),
  )

/** The figures of a quick step that are no flags. */
const measuresOf = (spec: ClippingSpec) =>
  quickFigures(spec).filter((name) => !['clipped', 'tensorEngaged', 'shadow'].includes(name))

describe.each(NAMED)('quick arithmetic with %s', (_, spec) => {
  // Both are tried where operations merely run.
  it.each([false, true])('does what the exact one does to usual gradients (made for XLA: %s)', (xla) =>
    fc.assert(
      fc.property(gradientTrees().map(coarse), fc.integer({ min: 1, max: 9 }), (first, factor) => {
        fc.pre(exactNorm(first, 2) > 1e-9)
        const second = Object.fromEntries(
          Object.entries(first).map(([name, list]) => [name, list.map((x) => x * factor)]),
        )
        const steps = [first, second]
        const exact = clipSteps(spec, steps)
        clipSteps(spec, steps, first, makeQuick(xla)).forEach(({ grads, info, state }, step) => {
          for (const [name, list] of Object.entries(exact[step]?.grads ?? {})) expectClose(grads[name], list, name)
          for (const [name, list] of Object.entries(exact[step]?.state ?? {})) expectClose(state[name], list, name)
          for (const name of measuresOf(spec)) expectClose(info[name], exact[step]?.info[name] ?? [], name)
        })
      }),
      few,
    ),
  )

  it('tells by the norm where it does not hold, and only there', () =>
    fc.assert(
      fc.property(gradientTrees({ min: -37, max: 37 }), (values) => {
        const norm = exactNorm(values, 2)
        const [step] = clipSteps(spec, [values], values, makeQuick(false))
        const told = step?.info.gradientNorm?.[0] ?? Number.NaN
        if (norm > 2 ** -39.9 && norm < 2 ** 39.9) expectClose([told], [norm], 'norm')
        if (norm < 2 ** -40.1 || norm > 2 ** 40.1) expect(told).toBeNaN()
      }),
      few,
    ))

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('does not hold for %s', (bad) => {
    const values = { a: Float32Array.of(1, 2), b: Float32Array.of(3, bad, 4) }
    for (const xla of [false, true]) {
      const [step] = clipSteps(spec, [values], values, makeQuick(xla))
      expect(step?.info.gradientNorm?.[0]).toBeNaN()
    }
  })
})

type Shaped = Readonly<Record<string, { readonly shape: readonly number[] }>>

const SHAPES: Shaped = { 'a/kernel': { shape: [40, 7] }, 'a/bias': { shape: [7] } }
const random = makeRandom(4, 'quick')
const STEPS: Values[] = [1, 5, 0.2].map((scale) => ({
  'a/kernel': Float32Array.from({ length: 280 }, () => scale * random.normal()),
  'a/bias': Float32Array.from({ length: 7 }, () => scale * random.normal()),
}))

const SHADOWED = specOf({ mode: 'norm', maxNorm: 1, shadow: [{ mode: 'auto', historySize: 3 }, { mode: 'adaptive' }] })

describe.each([...NAMED, ['norm and shadows', SHADOWED] as const])('quick arithmetic with %s, compiled', (_, spec) => {
  const initial = makeClipping(spec, SHAPES).init(SHAPES)
  const eager = runEagerly(initial, { clip: signature(spec, false) })
  const plain = compile(initial, { clip: signature(spec, false) })
  const xla = compile(initial, { clip: signature(spec, true) })
  afterAll(() => {
    for (const session of [eager, plain, xla]) session.close()
  })
  const run = (session: Session, values: Values) =>
    session.run('clip', { ...values, step: Int32Array.of(0), threshold: Float32Array.of(baseThreshold(spec)) })

  it('gives equal bits eager and compiled, and nearly these by XLA, step after step', () => {
    for (const values of STEPS) {
      const expected = run(eager, values)
      expect(run(plain, values)).toEqual(expected)
      for (const [name, list] of Object.entries(run(xla, values))) expectClose(list, expected[name] ?? [], name)
      expect(plain.get()).toEqual(eager.get())
    }
  })
})

// Elements that are limited are told by the norm, whose sums may be made in any order as long as it is the same one before and after.
describe.each([
  ['plain', false],
  ['XLA', true],
] as const)('engagement of mode value, %s', (_, isXla) => {
  it.each([[[784, 300]], [[3, 3, 16, 32]], [[1000, 7]], [[5000]], [[33]]])('is told of a tensor %j', (shape) => {
    const spec = specOf({ mode: 'value', maxValue: 1 })
    const shapes = { w: { shape } }
    const session = compile({}, { clip: signature(spec, isXla, shapes) })
    const w = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal())
    const largest = w.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
    const engaged = (threshold: number) => {
      const outputs = session.run('clip', { w, step: Int32Array.of(0), threshold: Float32Array.of(threshold) })
      return [outputs.clipped?.[0], outputs.tensorEngaged?.[0], (outputs.clipScale?.[0] ?? 1) < 1]
    }
    for (const factor of [1, 1.001, 3, 1e6]) expect(engaged(largest * factor)).toEqual([0, 0, false])
    for (const factor of [0.99, 0.5, 1e-6]) expect(engaged(largest * factor)).toEqual([1, 1, true])
    session.close()
  })
})

/** Gradients come in as inputs; what clipping makes of them and what a quick step says of it come out. */
function signature(spec: ClippingSpec, xla: boolean, shapes: Shaped = SHAPES): SignatureSpec {
  const clipping = makeClipping(spec, shapes, makeQuick(xla))
  const float = (shape: readonly number[]) => ({ shape, dtype: 'float32' }) as const
  const grads = Object.fromEntries(Object.entries(shapes).map(([name, { shape }]) => [name, float(shape)]))
  return {
    inputs: { ...grads, step: { shape: [], dtype: 'int32' }, threshold: float([]) },
    step({ state, inputs }) {
      const { step: _, threshold: __, ...gradients } = inputs
      const context = { params: gradients, step: tensorAt(inputs, 'step'), threshold: tensorAt(inputs, 'threshold') }
      const result = clipping.update(gradients, state, context)
      const figures = quickFigures(spec).map((name) => [name, tensorAt(result.info, name)] as const)
      return { state: result.state, outputs: { ...result.grads, ...Object.fromEntries(figures) } }
    },
    xla,
  }
}

it('knows of every element at the threshold whether it is above', () =>
  fc.assert(
    fc.property(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), fc.constantFrom(-1, 0, 1), (value, ulps) => {
      const maxValue = Math.fround(value)
      const bits = new Int32Array(Float32Array.of(maxValue).buffer)
      const element = new Float32Array(bits.map((x) => x + ulps).buffer)
      for (const xla of [false, true]) {
        const [step] = clipSteps(specOf({ mode: 'value', maxValue }), [{ w: element }], { w: element }, makeQuick(xla))
        expect(step?.info.tensorEngaged?.[0]).toBe(ulps > 0 ? 1 : 0)
      }
    }),
  ))
