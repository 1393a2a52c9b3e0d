import { afterAll, describe, expect, it } from 'vitest'
import type { ClippingSpec } from '../../../src/contracts/clipping.js'
import { compile } from '../../../src/ml/engine/compile.js'
import { runEagerly } from '../../../src/ml/engine/eager.js'
import type { Session, SignatureSpec } from '../../../src/ml/engine/types.js'
import { tensorAt } from '../../../src/ml/optimizers/optimizer.js'
import { makeClipping } from '../../../src/ml/transforms/clipping.js'
import { baseThreshold } from '../../../src/ml/transforms/threshold.js'
import { MODES, nameOf, specOf } from './modes.js'

const SHADOWS = specOf({
  mode: 'value',
  maxValue: 1,
  shadow: [{ mode: 'auto', historySize: 100 }, { mode: 'adaptive' }],
})
const PARAMS = { 'a/kernel': { shape: [2, 1] }, 'b/bias': { shape: [2] } }

/** Gradients come in as inputs `a/kernel` [2, 1] and `b/bias` [2]; what clipping makes of them and records comes out. */
function signature(spec: ClippingSpec, xla: boolean): SignatureSpec {
  const clipping = makeClipping(spec, PARAMS)
  const float = (shape: readonly number[]) => ({ shape, dtype: 'float32' }) as const
  return {
    inputs: {
      a: float([2, 1]),
      b: float([2]),
      step: { shape: [], dtype: 'int32' },
      threshold: float([]),
    },
    step({ state, inputs }) {
      const grads = { 'a/kernel': tensorAt(inputs, 'a'), 'b/bias': tensorAt(inputs, 'b') }
      const context = { params: grads, step: tensorAt(inputs, 'step'), threshold: tensorAt(inputs, 'threshold') }
      const result = clipping.update(grads, state, context)
      const { 'a/kernel': a, 'b/bias': b } = result.grads
      return { state: result.state, outputs: { ...result.info, ...(a && { a }), ...(b && { b }) } }
    },
    xla,
  }
}

const FINITE = [
  [3, 4, 0, 0],
  [0.1, -0.2, 0.3, 0],
  [3, -4, 12, 1],
  [1e30, -1e30, 1, 2],
  [3.4e38, 3.4e38, -3.4e38, 0],
  [1e-30, 2e-30, -3e-30, 0],
  [0, 0, 0, 0],
]
const NON_FINITE = [
  [1, Number.NaN, 2, 3],
  [1, 2, Number.POSITIVE_INFINITY, 3],
  [Number.NEGATIVE_INFINITY, 2, Number.NaN, 3],
]

describe.each(
  [...MODES, SHADOWS].map((spec) => [`${nameOf(spec)}${spec.shadow.length > 0 ? ' with shadows' : ''}`, spec] as const),
)('%s', (_, spec) => {
  const initial = makeClipping(spec, PARAMS).init(PARAMS)
  const run = (session: Session, values: number[]) => {
    const feeds = { a: Float32Array.from(values.slice(0, 2)), b: Float32Array.from(values.slice(2)) }
    const threshold = Float32Array.of(baseThreshold(spec))
    return { ...session.run('clip', { ...feeds, step: Int32Array.of(0), threshold }), ...stateOf(session) }
  }
  const eager = runEagerly(initial, { clip: signature(spec, false) })
  const plain = compile(initial, { clip: signature(spec, false) })
  const xla = compile(initial, { clip: signature(spec, true) })
  afterAll(() => {
    for (const session of [eager, plain, xla]) session.close()
  })

  it('gives the same compiled, with and without XLA, as eagerly, step after step, and so does its state', () => {
    for (const values of FINITE) {
      const expected = run(eager, values)
      for (const actual of [plain, xla].map((session) => run(session, values))) {
        for (const [name, list] of Object.entries(expected)) {
          list.forEach((x, i) => {
            expect(Number.isFinite(x), name).toBe(true)
            const difference = Math.abs((actual[name]?.[i] ?? Number.NaN) - x)
            expect(difference, `${name}[${i}] of ${values}`).toBeLessThanOrEqual(2e-6 * Math.abs(x) + 1e-37)
          })
        }
      }
    }
  })

  it.each(NON_FINITE.map((values) => [String(values), values] as const))(
    'finds which of %s is not finite, and remembers nothing of it',
    (_text, values) => {
      const truth = [values.slice(0, 2), values.slice(2)].map((part) => part.every(Number.isFinite))
      for (const session of [eager, plain, xla]) {
        const before = stateOf(session)
        const { gradientNorm, tensorNorms } = run(session, values)
        expect(gradientNorm?.[0]).toBeNaN()
        expect([...(tensorNorms ?? [])].map(Number.isFinite)).toEqual(truth)
        expect(stateOf(session)).toEqual(before)
      }
    },
  )
})

function stateOf(session: Session): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(session.get()).map(([name, { values }]) => [`state ${name}`, Float32Array.from(values)]),
  )
}
