import type { ClippingSpec } from '../../../src/contracts/clipping.js'
import { OptimizerSpec } from '../../../src/contracts/optimizer.js'
import { parse } from '../../../src/contracts/parse.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import { learningRateAt } from '../../../src/ml/optimizers/learning-rate.js'
import { makeOptimizer } from '../../../src/ml/optimizers/make-optimizer.js'
import { expectTensorClose, Mismatch, toleranceOf } from '../compare.js'
import { asList, asNumber, asRecord, asTensor, asTensors, asText, type Json } from '../json.js'
import { type CaseRunner, passed, unsupported } from '../outcome.js'
import { tensorOf, toTensors } from '../tensors.js'
import { clip } from './clipping.js'

const SLOT_OF_KERAS = { SGD: { momentum: 'momentum' }, Adam: { momentum: 'm', velocity: 'v' } } as const
const UNSUPPORTED_OPTIONS = ['weight_decay', 'use_ema', 'loss_scale_factor', 'gradient_accumulation_steps', 'amsgrad']

export const runOptimizers: CaseRunner = ({ input, params, expected, tolerance }, file) => {
  const name = asText(params.optimizer)
  const config = asRecord(params.config, 'config')
  const spec = optimizerSpec(name, config)
  if (typeof spec === 'string') return unsupported(spec)
  const steps = asNumber(params.steps)
  const clipping = clippingOf(config)
  const optimizer = makeOptimizer(spec)
  const gradients = asList(asRecord(file.content.gradients)[asText(input.grads_ref)], 'gradients')
  const close = toleranceOf(tolerance)

  let weights = toTensors(asTensors(input.weights))
  let slots = Object.fromEntries(
    Object.entries(optimizer.init(weights)).map(([slot, { values, shape }]) => [slot, tf.tensor(values, [...shape])]),
  )
  for (let step = 0; step < steps; step++) {
    const { grads } = clip(clipping, toTensors(asTensors(gradients[step])))
    const learningRate = tf.scalar(learningRateAt(spec, step, steps))
    const next = optimizer.update({ params: weights, grads, slots, learningRate })
    weights = next.params
    slots = { ...next.slots }
    asTensors(asList(expected.weights)[step]).forEach((tensor, i) => {
      expectTensorClose(tensorOf(weights, `w${i}`), tensor, close, `weights after step ${step + 1}, tensor ${i}`)
    })
  }

  for (const [path, value] of Object.entries(asRecord(expected.state, 'state'))) {
    if (/\/(iteration|learning_rate)$/.test(path)) continue // Espalier feeds both from outside
    const [, weight = '', slot = ''] = /\/(w\d+)_(\w+)$/.exec(path) ?? []
    const ours = Object.entries(SLOT_OF_KERAS[name === 'SGD' ? 'SGD' : 'Adam']).find(([keras]) => keras === slot)?.[1]
    if (ours === undefined) throw new Mismatch(`state ${path} has no counterpart`)
    // Keras keeps a momentum of SGD only when it is used, as Espalier does.
    expectTensorClose(tensorOf(slots, `${weight}/${ours}`), asTensor(value, path), close, `state ${path}`)
  }
  return passed
}

/** The spec for a Keras configuration, or the feature that Espalier lacks. */
export function optimizerSpec(name: string, config: Json): OptimizerSpec | string {
  if (name !== 'SGD' && name !== 'Adam') return name
  const option = UNSUPPORTED_OPTIONS.find(
    (key) => config[key] !== undefined && config[key] !== null && config[key] !== false,
  )
  if (option !== undefined) return `${name} with ${option}`
  const rate = learningRateOf(config.learning_rate)
  if (typeof rate === 'string') return `${name} with ${rate}`
  const kind =
    name === 'SGD'
      ? { kind: 'sgd', momentum: config.momentum ?? 0, nesterov: config.nesterov ?? false }
      : { kind: 'adam', beta1: config.beta_1, beta2: config.beta_2, epsilon: config.epsilon }
  const spec = parse(OptimizerSpec, { ...kind, ...rate })
  if (!spec.ok) throw new Error(`the contract refuses the optimizer: ${JSON.stringify(spec.errors)}`)
  return spec.value
}

export function clippingOf(config: Json): ClippingSpec {
  const onNonFinite = 'fail' as const
  const isSet = (key: string) => config[key] !== undefined && config[key] !== null
  if (isSet('clipvalue')) return { mode: 'value', maxValue: asNumber(config.clipvalue), onNonFinite }
  if (isSet('clipnorm')) return { mode: 'norm', maxNorm: asNumber(config.clipnorm), onNonFinite }
  if (!isSet('global_clipnorm')) return { mode: 'none', onNonFinite }
  return { mode: 'global-norm', maxNorm: asNumber(config.global_clipnorm), p: 2, onNonFinite }
}

/** Number, or the Keras form of a schedule; a string names a schedule that Espalier lacks. */
export function learningRateOf(value: unknown): Pick<OptimizerSpec, 'learningRate' | 'schedule'> | string {
  if (typeof value === 'number') return { learningRate: value, schedule: { kind: 'constant' } }
  const { class_name: className, config } = asRecord(value, 'learning_rate')
  const schedule = asRecord(config, 'schedule')
  if (className !== 'CosineDecay') return asText(className)
  if (schedule.warmup_target !== null || schedule.warmup_steps !== 0) return 'CosineDecay with warm-up'
  return {
    learningRate: asNumber(schedule.initial_learning_rate),
    schedule: {
      kind: 'cosine',
      beginStep: 0,
      endStep: asNumber(schedule.decay_steps),
      finalFraction: asNumber(schedule.alpha),
    },
  }
}
