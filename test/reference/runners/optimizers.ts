import type { ClippingMode } from '../../../src/contracts/clipping-modes.js'
import { type OptimizerKind, OptimizerSpec } from '../../../src/contracts/optimizer.js'
import { parse } from '../../../src/contracts/parse.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { Tensors } from '../../../src/ml/engine/types.js'
import { learningRateAt } from '../../../src/ml/optimizers/learning-rate.js'
import { makeOptimizer } from '../../../src/ml/optimizers/make-optimizer.js'
import { decayWeights } from '../../../src/ml/optimizers/weight-decay.js'
import { expectTensorClose, Mismatch, type Tolerance, toleranceOf } from '../compare.js'
import { asList, asNumber, asRecord, asTensor, asTensors, asText, type Json } from '../json.js'
import { type CaseRunner, passed, unsupported } from '../outcome.js'
import { tensorOf, toTensors } from '../tensors.js'
import { clip, EVERYWHERE } from './clipping.js'
import { learningRateOf } from './learning-rates.js'

const KINDS: Readonly<Record<string, OptimizerKind>> = {
  SGD: 'sgd',
  RMSprop: 'rmsprop',
  Adagrad: 'adagrad',
  Adadelta: 'adadelta',
  Adam: 'adam',
  AdamW: 'adamw',
  Adamax: 'adamax',
  Nadam: 'nadam',
  Lion: 'lion',
  Ftrl: 'ftrl',
  Adafactor: 'adafactor',
}

const moments = { momentum: 'm', velocity: 'v' }
/** What Keras calls our slots; a momentum that is not used is kept by neither. */
const SLOTS: { readonly [Kind in OptimizerKind]: Readonly<Record<string, string>> } = {
  sgd: { momentum: 'momentum' },
  rmsprop: { velocity: 'v', momentum: 'momentum', average_gradient: 'mean' },
  adagrad: { accumulator: 'accumulator' },
  adadelta: { accumulated_grad: 'gradient', accumulated_delta_var: 'change' },
  adam: { ...moments, velocity_hat: 'v-max' },
  adamw: moments,
  adamax: { momentum: 'm', norm: 'u' },
  nadam: moments,
  lion: moments,
  ftrl: { linear: 'linear' },
  adafactor: { velocity: 'v' },
}

/** Fields of our spec by their name in Keras; `relative_step` changes nothing there. */
const FIELDS: Readonly<Record<string, string>> = {
  momentum: 'momentum',
  nesterov: 'nesterov',
  rho: 'rho',
  centered: 'centered',
  epsilon: 'epsilon',
  beta_1: 'beta1',
  beta_2: 'beta2',
  amsgrad: 'amsgrad',
  weight_decay: 'weightDecay',
  initial_accumulator_value: 'initialAccumulatorValue',
  learning_rate_power: 'learningRatePower',
  l1_regularization_strength: 'l1',
  l2_regularization_strength: 'l2Regularization',
  l2_shrinkage_regularization_strength: 'l2Shrinkage',
  beta: 'beta',
  beta_2_decay: 'beta2Decay',
  epsilon_1: 'epsilon1',
  epsilon_2: 'epsilon2',
  clip_threshold: 'clipThreshold',
}
const UNSUPPORTED = ['use_ema', 'loss_scale_factor', 'gradient_accumulation_steps'] as const

export const runOptimizers: CaseRunner = ({ input, params, expected, tolerance }, file) => {
  const config = asRecord(params.config, 'config')
  const spec = optimizerSpec(asText(params.optimizer), config)
  if (typeof spec === 'string') return unsupported(spec)
  const steps = asNumber(params.steps)
  const clipping = clippingOf(config)
  const optimizer = makeOptimizer(spec)
  const gradients = asList(asRecord(file.content.gradients)[asText(input.grads_ref)], 'gradients')
  const close = toleranceOf(tolerance)

  let weights = toTensors(asTensors(input.weights))
  let slots: Tensors = Object.fromEntries(
    Object.entries(optimizer.init(weights)).map(([slot, { values, shape }]) => [slot, tf.tensor(values, [...shape])]),
  )
  for (let step = 0; step < steps; step++) {
    const { grads } = clip(clipping, toTensors(asTensors(gradients[step])))
    const learningRate = tf.scalar(learningRateAt(spec, step, steps))
    // Keras decays every variable that is not excluded by name.
    const decayed = decayWeights(weights, spec.weightDecay, learningRate, Object.keys(weights))
    const next = optimizer.update({ params: decayed, grads, slots, learningRate })
    weights = next.params
    slots = next.slots
    asTensors(asList(expected.weights)[step]).forEach((tensor, i) => {
      expectTensorClose(tensorOf(weights, `w${i}`), tensor, close, `weights after step ${step + 1}, tensor ${i}`)
    })
  }
  expectState(spec.kind, slots, asRecord(expected.state, 'state'), close)
  return passed
}

function expectState(kind: OptimizerKind, slots: Tensors, expected: Json, close: Tolerance): void {
  for (const [path, value] of Object.entries(expected)) {
    if (/\/(iteration|learning_rate)$/.test(path)) continue // Espalier feeds both from outside
    if (typeof value === 'number') continue // what Keras keeps in place of the factors that a vector does not have
    expectTensorClose(slotOfKeras(kind, slots, path), asTensor(value, path), close, `state ${path}`)
  }
}

function slotOfKeras(kind: OptimizerKind, slots: Tensors, path: string) {
  if (kind === 'nadam' && /^variable(_\d+)?$/.test(path)) return tensorOf(slots, 'nadam/momentum-product')
  const [, weight = '', slot = ''] = /\/(w\d+)(?:[_#](\w+))?$/.exec(path) ?? []
  if (kind === 'ftrl' && slot === 'accumulator') return tensorOf(slots, `ftrl.accumulator/${weight}`)
  if (kind === 'adafactor') {
    const row = slots[`adafactor.row/${weight}`]
    if (slot === '' || slot === '2') return tensorOf(slots, `adafactor.${slot === '' ? 'row' : 'column'}/${weight}`)
    // Keras keeps the product of the factors as well.
    if (row) {
      const share = tf.expandDims(tf.div(row, tf.mean(row)), 1)
      return tf.mul(share, tensorOf(slots, `adafactor.column/${weight}`))
    }
  }
  const ours = SLOTS[kind][slot]
  if (ours === undefined) throw new Mismatch(`state ${path} has no counterpart`)
  return tensorOf(slots, `${weight}/${ours}`)
}

/** The spec for a Keras configuration, or the feature that Espalier lacks. */
export function optimizerSpec(name: string, config: Json): OptimizerSpec | string {
  const kind = KINDS[name]
  if (kind === undefined) return name
  const isSet = (key: string) => config[key] !== undefined && config[key] !== null
  const option = UNSUPPORTED.find((key) => isSet(key) && config[key] !== false)
  if (option !== undefined) return `${name} with ${option}`
  const fields = Object.entries(FIELDS).filter(([theirs]) => isSet(theirs))
  const spec = parse(OptimizerSpec, {
    kind,
    ...Object.fromEntries(fields.map(([theirs, ours]) => [ours, config[theirs]])),
    ...learningRateOf(config.learning_rate),
  })
  if (!spec.ok) throw new Error(`the contract refuses the optimizer: ${JSON.stringify(spec.errors)}`)
  return spec.value
}

export function clippingOf(config: Json): ClippingMode {
  const isSet = (key: string) => config[key] !== undefined && config[key] !== null
  if (isSet('clipvalue')) return { mode: 'value', maxValue: asNumber(config.clipvalue), ...EVERYWHERE }
  if (isSet('clipnorm')) return { mode: 'norm', maxNorm: asNumber(config.clipnorm), ...EVERYWHERE }
  if (!isSet('global_clipnorm')) return { mode: 'none' }
  return { mode: 'global-norm', maxNorm: asNumber(config.global_clipnorm), p: 2, ...EVERYWHERE }
}
