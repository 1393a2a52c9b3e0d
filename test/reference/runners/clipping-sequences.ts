import type { ClippingMode } from '../../../src/contracts/clipping-modes.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { Tensors } from '../../../src/ml/engine/types.js'
import { makeClipping } from '../../../src/ml/transforms/clipping.js'
import { baseThreshold } from '../../../src/ml/transforms/threshold.js'
import { expectAllClose, expectClose, expectTensorClose, toleranceOf } from '../compare.js'
import { asList, asNumber, asNumbers, asRecord, asTensors, type Json, type ReferenceCase } from '../json.js'
import { type Outcome, passed } from '../outcome.js'
import { scalarOf, tensorOf, toTensor, toTensors } from '../tensors.js'

const EVERYWHERE = { include: ['*'], exclude: [] as string[] }

/** Modes with memory: AutoClip, ZClip, AdaGC, step by step. */
export function runClippingSequence({ input, params, expected, tolerance }: ReferenceCase): Outcome {
  const mode = modeOf(params)
  const close = toleranceOf(tolerance)
  const sequence = gradientsOf(input)
  let run = begin(mode, sequence[0] ?? {})
  asList(expected.steps).forEach((entry, index) => {
    const step = asRecord(entry)
    const at = (what: string) => `step ${index}: ${what}`
    const { state, grads, info } = run(sequence[index] ?? {})
    run = begin(mode, grads, state)

    const norm = step.norm ?? step.global_norm
    expectClose(scalarOf(info.gradientNorm), asNumber(norm), close, at('norm'))
    const scale = Array.isArray(step.scale) ? asNumbers(step.scale) : [asNumber(step.scale)]
    const scales = scale.length > 1 ? tensorOf(info, 'tensorScales').dataSync() : [scalarOf(info.clipScale)]
    expectAllClose(scales, scale, close, at('scale'))
    if (step.threshold !== undefined)
      expectClose(scalarOf(info.threshold), asNumber(step.threshold), close, at('threshold'))
    if (step.grads !== undefined)
      asTensors(step.grads).forEach((grad, i) => {
        expectTensorClose(tensorOf(grads, `w${i}`), grad, close, at(`grads[${i}]`))
      })
    if (typeof step.mean === 'number') {
      expectClose(scalarOf(state['clipping/mean']), step.mean, close, at('mean'))
      expectClose(scalarOf(state['clipping/deviation']) ** 2, asNumber(step.var), close, at('variance'))
    }
    if (typeof step.effective === 'number') {
      const after = scalarOf(info.gradientNormAfter)
      expectClose(after, step.effective, close, at('norm after clipping'))
    }
    if (step.gamma !== undefined)
      expectAllClose(tensorOf(state, 'clipping/norms').dataSync(), asNumbers(step.gamma), close, at('gamma'))
  })
  return passed
}

/** The next step of `mode` from `state`, or from its initial one. */
function begin(mode: ClippingMode, params: Tensors, state?: Tensors) {
  const clipping = makeClipping(mode, params)
  const initial =
    state ??
    Object.fromEntries(
      Object.entries(clipping.init(params)).map(([name, { shape, values }]) => [
        name,
        toTensor({ shape, data: [...values] }),
      ]),
    )
  const threshold = tf.scalar(baseThreshold(mode))
  return (grads: Tensors) => clipping.update(grads, initial, { params: grads, threshold })
}

/** Gradients of each step, or just their norms. */
function gradientsOf(input: Json): Tensors[] {
  if (input.norms !== undefined) return asNumbers(input.norms).map((norm) => ({ w0: tf.tensor1d([norm]) }))
  return asList(input.grads).map((grads) => toTensors(asTensors(grads)))
}

function modeOf(params: Json): ClippingMode {
  if (params.mode === 'autoclip')
    return { mode: 'auto', percentile: asNumber(params.percentile), historySize: 1000, ...EVERYWHERE }
  if (params.mode === 'adagc')
    return {
      mode: 'ada-gc',
      maxNorm: asNumber(params.lambda_abs),
      growthFactor: asNumber(params.lambda_rel),
      beta: asNumber(params.beta),
      warmupSteps: asNumber(params.warmup_steps),
      ...EVERYWHERE,
    }
  const response =
    params.zmode === 'percentile' ? 'threshold' : params.clip_option === 'mean' ? 'mean' : 'adaptive-scaling'
  return {
    mode: 'z-score',
    zThreshold: asNumber(params.z_thresh),
    alpha: asNumber(params.alpha),
    warmupSteps: asNumber(params.warmup_steps),
    response,
    thresholdFactor: asNumber(params.clip_factor),
    ...(params.max_grad_norm !== null && { maxNorm: asNumber(params.max_grad_norm) }),
    updateOnSpike: params.skip_update_on_spike !== true,
    epsilon: asNumber(params.eps),
    ...EVERYWHERE,
  }
}
