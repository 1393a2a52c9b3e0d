import { afterAll, describe, expect, it } from 'vitest'
import type { ClippingSpec } from '../../../src/contracts/clipping.js'
import { compile } from '../../../src/ml/engine/compile.js'
import { runEagerly } from '../../../src/ml/engine/eager.js'
import type { Session, StepFunction } from '../../../src/ml/engine/types.js'
import { makeClipping } from '../../../src/ml/transforms/clipping.js'

const onNonFinite = 'fail' as const

/** Gradients come in as inputs `a` and `b` [2] each; what clipping makes of them and records comes out. */
function signature(spec: ClippingSpec, xla: boolean) {
  const vector = { shape: [2], dtype: 'float32' } as const
  const step: StepFunction = ({ inputs: { step, ...grads } }) => {
    if (step === undefined) throw new Error('no step')
    const { grads: clipped, info } = makeClipping(spec).update(grads, null, { params: grads, step })
    return { outputs: { ...clipped, ...info } }
  }
  return { inputs: { a: vector, b: vector, step: { shape: [], dtype: 'int32' } as const }, step, xla }
}

const SPECS: ClippingSpec[] = [
  { mode: 'none', onNonFinite },
  { mode: 'value', maxValue: 1, onNonFinite },
  { mode: 'norm', maxNorm: 1, onNonFinite },
  { mode: 'global-norm', maxNorm: 1, p: 1, onNonFinite },
  { mode: 'global-norm', maxNorm: 1, p: 2, onNonFinite },
  { mode: 'global-norm', maxNorm: 1, p: 3, onNonFinite },
  { mode: 'global-norm', maxNorm: 1, p: 'infinity', onNonFinite },
]
const nameOf = (spec: ClippingSpec) => ('p' in spec ? `${spec.mode} of order ${spec.p}` : spec.mode)
const FINITE = [
  [3, 4, 0, 0],
  [0.1, -0.2, 0.3, 0],
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

describe.each(SPECS.map((spec) => [nameOf(spec), spec] as const))('%s', (_, spec) => {
  const run = (session: Session, values: number[]) => {
    const feeds = { a: Float32Array.from(values.slice(0, 2)), b: Float32Array.from(values.slice(2)) }
    return session.run('clip', { ...feeds, step: Int32Array.of(0) })
  }
  const eager = runEagerly({}, { clip: signature(spec, false) })
  const plain = compile({}, { clip: signature(spec, false) })
  const xla = compile({}, { clip: signature(spec, true) })
  afterAll(() => {
    for (const session of [eager, plain, xla]) session.close()
  })

  const sessions = [plain, xla]

  it.each(FINITE.map((values) => [values]))(
    'gives the same for %j compiled, with and without XLA, as eagerly',
    (values) => {
      const expected = run(eager, values)
      for (const actual of sessions.map((session) => run(session, values))) {
        for (const [name, list] of Object.entries(expected)) {
          list.forEach((x, i) => {
            expect(Number.isFinite(x), name).toBe(true)
            const difference = Math.abs((actual[name]?.[i] ?? Number.NaN) - x)
            expect(difference, `${name}[${i}]`).toBeLessThanOrEqual(1e-6 * Math.abs(x) + 1e-37)
          })
        }
      }
    },
  )

  it.each(NON_FINITE.map((values) => [String(values), values] as const))(
    'finds which of %s is not finite',
    (_text, values) => {
      const truth = [values.slice(0, 2), values.slice(2)].map((part) => part.every(Number.isFinite))
      for (const { gradientNorm, tensorNorms } of [eager, ...sessions].map((session) => run(session, values))) {
        expect(gradientNorm?.[0]).toBeNaN()
        expect([...(tensorNorms ?? [])].map(Number.isFinite)).toEqual(truth)
      }
    },
  )
})
