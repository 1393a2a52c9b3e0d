import { afterAll, describe, expect, it } from 'vitest'
import type { OptimizerSpec } from '../../../src/contracts/optimizer.js'
import type { StoredTensors } from '../../../src/formats/safetensors.js'
import { compile } from '../../../src/ml/engine/compile.js'
import { runEagerly } from '../../../src/ml/engine/eager.js'
import type { Session, SignatureSpec } from '../../../src/ml/engine/types.js'
import { updateEma } from '../../../src/ml/optimizers/ema.js'
import { makeOptimizer } from '../../../src/ml/optimizers/make-optimizer.js'
import { tensorAt } from '../../../src/ml/optimizers/optimizer.js'
import { decayWeights } from '../../../src/ml/optimizers/weight-decay.js'
import { nameOf, SPECS } from './specs.js'

const KERNEL = 'a/kernel'
const VALUES = [0.5, -1, 2, 0, -0.25, 1.5]
const params: StoredTensors = { [KERNEL]: { type: 'float32', shape: [3, 2], values: Float32Array.from(VALUES) } }

const open: Session[] = []
afterAll(() => {
  for (const session of open) session.close()
})

/** Weight decay, the update on a gradient that comes in as input `grad`, and the average. */
function signature(spec: OptimizerSpec): SignatureSpec {
  const { update, slotShapes } = makeOptimizer(spec)
  const names = Object.keys(slotShapes(params))
  return {
    inputs: { grad: { shape: [3, 2], dtype: 'float32' }, learningRate: { shape: [], dtype: 'float32' } },
    step({ state, inputs }) {
      const learningRate = tensorAt(inputs, 'learningRate')
      const next = update({
        params: decayWeights({ [KERNEL]: tensorAt(state, KERNEL) }, 0.1, learningRate),
        grads: { [KERNEL]: tensorAt(inputs, 'grad') },
        slots: Object.fromEntries(names.map((name) => [name, tensorAt(state, name)])),
        learningRate,
      })
      return {
        state: { ...next.params, ...next.slots, ...updateEma(state, next.params, 0.9) },
        outputs: { learningRate },
      }
    },
  }
}

describe.each(SPECS.map((spec) => [nameOf(spec), spec] as const))('%s', (_, spec) => {
  it('gives equal bits eager and compiled', () => {
    const state = {
      ...params,
      ...makeOptimizer(spec).init(params),
      [`${KERNEL}/ema`]: { type: 'float32' as const, shape: [3, 2], values: Float32Array.from(VALUES) },
    }
    const [compiled, eager] = [compile, runEagerly].map((build) => {
      const session = build(state, { update: signature(spec) })
      open.push(session)
      for (const sign of [1, -1, 0.01]) {
        const grad = Float32Array.from([0.3, -0.1, 0, 0, 2, -3], (x) => x * sign)
        session.run('update', { grad, learningRate: Float32Array.of(0.05) })
      }
      return session.get(Object.keys(state))
    })
    expect(compiled).toEqual(eager)
    expect(compiled?.[KERNEL]?.values).not.toEqual(Float32Array.from(VALUES))
  })
})
