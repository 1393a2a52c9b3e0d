import type { Tensor } from '@tensorflow/tfjs-core'
import { ClippingSpec } from '../../../src/contracts/clipping.js'
import type { ClippingMode } from '../../../src/contracts/clipping-modes.js'
import { parse } from '../../../src/contracts/parse.js'
import type { StoredTensors } from '../../../src/formats/safetensors.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { Tensors } from '../../../src/ml/engine/types.js'
import { type Arithmetic, exact } from '../../../src/ml/transforms/arithmetic.js'
import { makeClipping } from '../../../src/ml/transforms/clipping.js'
import { baseThreshold } from '../../../src/ml/transforms/threshold.js'
import { tidily, toTensors, type Values, valuesOf } from '../tensors.js'

/** The spec with its defaults filled in. */
export function specOf(fields: Readonly<Record<string, unknown>>): ClippingSpec {
  const parsed = parse(ClippingSpec, fields)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return parsed.value
}

/** Every mode, with fields that make it clip gradients of about 1. */
export const MODES: readonly ClippingSpec[] = [
  { mode: 'none' },
  { mode: 'value', maxValue: 1 },
  { mode: 'norm', maxNorm: 1 },
  { mode: 'global-norm', maxNorm: 1, p: 1 },
  { mode: 'global-norm', maxNorm: 1 },
  { mode: 'global-norm', maxNorm: 1, p: 3 },
  { mode: 'global-norm', maxNorm: 1, p: 'infinity' },
  { mode: 'block-rms', maxRms: 0.5 },
  { mode: 'adaptive', clipFactor: 0.1 },
  { mode: 'auto', percentile: 50, historySize: 4 },
  { mode: 'z-score', warmupSteps: 2, zThreshold: 1 },
  { mode: 'z-score', warmupSteps: 2, zThreshold: 1, response: 'mean', maxNorm: 5 },
  { mode: 'z-score', warmupSteps: 1, zThreshold: 1, response: 'threshold', updateOnSpike: false },
  { mode: 'ada-gc', warmupSteps: 2 },
].map(specOf)

export const nameOf = (spec: ClippingMode): string =>
  ['p', 'response'].reduce(
    (name, key) => (key in spec ? `${name} ${Reflect.get(spec, key)}` : name),
    spec.mode as string,
  )

/** A run of a mode in which every step has gradients of its own; what it makes of them, records and remembers. */
export function clipSteps(
  spec: ClippingMode,
  steps: readonly Values[],
  weights = steps[0] ?? {},
  arithmetic: Arithmetic = exact,
) {
  return tidily(() => {
    const params = toTensors(weights)
    const clipping = makeClipping(spec, params, arithmetic)
    let state = tensorsOf(clipping.init(params))
    return steps.map((values) => {
      const context = { params, threshold: tf.scalar(baseThreshold(spec)) }
      const result = clipping.update(toTensors(values), state, context)
      state = result.state
      return { grads: valuesOf(result.grads), info: valuesOf(result.info), state: valuesOf(state) }
    })
  })
}

/** The first step of a mode. */
export function clipOnce(spec: ClippingMode, values: Values, weights = values) {
  const [first] = clipSteps(spec, [values], weights)
  if (first === undefined) throw new Error('no step')
  return first
}

function tensorsOf(stored: StoredTensors): Tensors {
  return Object.fromEntries(
    Object.entries(stored).map(([name, { shape, values }]): [string, Tensor] => [
      name,
      tf.tensor([...values], [...shape]),
    ]),
  )
}
