import type { Shape } from '../../../../src/planning/shape.js'

export type Json = Readonly<Record<string, unknown>>

/** Small numbers that decide what is added to a graph: which layer, on which of the nodes so far, with which settings. */
export interface Choice {
  readonly layer: number
  readonly on: number
  readonly with: number
  readonly a: number
  readonly b: number
}

export const pick = <T>(list: readonly T[], index: number): T => {
  const found = list[index % list.length]
  if (found === undefined) throw new Error('an empty list')
  return found
}

/** Some that are 0 at 0, some that are not, some that are flat on one side. */
const ACTIVATIONS = ['linear', 'relu', 'relu', 'tanh', 'sigmoid', 'gelu', 'softplus', 'hard-sigmoid', 'leaky-relu']

const widthOf = ({ a }: Choice) => 2 + (a % 4)
const finish = ({ a, b }: Choice) => ({ activation: pick(ACTIVATIONS, a + b), useBias: b % 3 !== 0 })
const window2d = (choice: Choice) => ({
  kernelSize: 1 + (choice.a % 3),
  padding: pick(['valid', 'same'], choice.b),
  ...finish(choice),
})
const copies = (choice: Choice) => ({ depthMultiplier: 1 + (choice.with % 2) })
const strided = (choice: Choice) => ({ strides: 1 + (choice.with % 2) })
/** Two groups where both sides can be halved. */
const grouped = (choice: Choice, shape: Shape) =>
  (shape.at(-1) ?? 1) % 2 === 0 && widthOf(choice) % 2 === 0 && choice.with % 3 === 0 ? { groups: 2 } : {}
const recurrent = (choice: Choice) => ({
  units: widthOf(choice),
  returnSequences: choice.b % 2 === 0,
  goBackwards: choice.b % 5 === 0,
  useBias: choice.b % 3 !== 0,
  ...(choice.with % 3 === 0 ? { activation: pick(['relu', 'sigmoid'], choice.a) } : {}),
})

type Make = (choice: Choice, shape: Shape) => Json
const oneOf =
  (...makes: Make[]): Make =>
  (choice, shape) =>
    pick(makes, choice.a)(choice, shape)
const plain = (type: string, fields: Json = {}): Make => {
  return () => ({ type, ...fields })
}

const dense: Make = (choice) => ({ type: 'dense', units: widthOf(choice), ...finish(choice) })
const conv1d: Make = (choice, shape) => ({
  type: 'conv1d',
  filters: widthOf(choice),
  ...window2d(choice),
  ...grouped(choice, shape),
  padding: pick(['valid', 'same', 'causal'], choice.b),
})
const conv2d: Make = (choice, shape) => ({
  type: 'conv2d',
  filters: widthOf(choice),
  ...window2d(choice),
  ...grouped(choice, shape),
  ...(choice.with % 4 === 1 ? { strides: 2 } : {}),
})
const depthwise: Make = (choice) => ({ type: 'depthwise-conv2d', ...window2d(choice), ...copies(choice) })
const pooling2d: Make = ({ b }) => ({ type: pick(['max-pooling2d', 'average-pooling2d'], b), padding: 'same' })
const globally = oneOf(plain('global-average-pooling'), plain('global-max-pooling'), plain('flatten'))
const eachStep =
  (make: Make): Make =>
  (choice, shape) => ({ type: 'time-distributed', layer: make(choice, shape.slice(1)) })

const ANY: readonly Make[] = [
  dense,
  dense,
  plain('batch-normalization'),
  (choice) => ({ type: 'activation', activation: pick(ACTIVATIONS, choice.a) }),
  oneOf(
    plain('prelu'),
    plain('relu', { negativeSlope: 0.1, threshold: 0.2 }),
    plain('relu', { maxValue: 1 }),
    plain('leaky-relu'),
    plain('elu', { alpha: 0.5 }),
    plain('prelu', { sharedAxes: [1] }),
  ),
  oneOf(
    plain('dropout'),
    plain('gaussian-noise'),
    plain('layer-normalization'),
    plain('gaussian-dropout'),
    plain('softmax'),
  ),
]

/** By the number of axes of an example. */
const LAYERS: Readonly<Record<number, readonly Make[]>> = {
  1: [
    ...ANY,
    oneOf((_, shape) => ({ type: 'reshape', targetShape: [1, ...shape] }), plain('repeat-vector', { times: 2 })),
  ],
  2: [
    ...ANY,
    conv1d,
    (choice) => ({ type: 'lstm', ...recurrent(choice) }),
    (choice) => ({ type: 'gru', resetAfter: choice.with % 2 === 0, ...recurrent(choice) }),
    (choice) => ({ type: 'simple-rnn', ...recurrent(choice) }),
    (choice) => ({
      type: 'bidirectional',
      layer: { type: pick(['lstm', 'gru', 'simple-rnn'], choice.a), ...recurrent(choice) },
      mergeMode: pick(['concat', 'sum', 'multiply', 'average'], choice.with),
    }),
    oneOf(
      eachStep(dense),
      plain('max-pooling1d', { padding: 'same' }),
      plain('average-pooling1d', { padding: 'same' }),
      plain('up-sampling1d'),
      plain('softmax', { axis: 1 }),
      plain('permute', { dims: [2, 1] }),
      plain('masking'),
      plain('spatial-dropout'),
    ),
    globally,
  ],
  3: [
    ...ANY,
    conv2d,
    conv2d,
    depthwise,
    (choice) => ({ type: 'separable-conv2d', filters: widthOf(choice), ...window2d(choice), ...copies(choice) }),
    (choice) => ({ type: 'conv2d-transpose', filters: widthOf(choice), ...window2d(choice), ...strided(choice) }),
    oneOf(
      pooling2d,
      plain('zero-padding2d'),
      plain('up-sampling2d'),
      plain('cropping2d'),
      plain('permute', { dims: [2, 1, 3] }),
      plain('up-sampling2d', { interpolation: 'bilinear' }),
      eachStep(conv1d),
      plain('spatial-dropout'),
    ),
    globally,
  ],
  4: [
    ...ANY,
    (choice) => ({ type: 'conv3d', filters: widthOf(choice), ...window2d(choice) }),
    oneOf(eachStep(conv2d), eachStep(depthwise), eachStep(pooling2d), plain('max-pooling3d', { padding: 'same' })),
    oneOf(eachStep(plain('global-average-pooling')), eachStep(plain('flatten')), plain('flatten')),
  ],
}

/** A layer that takes such an example; it may still not fit, as where a window is too large. */
export function randomLayer(choice: Choice, shape: Shape): Json {
  return pick(LAYERS[shape.length] ?? ANY, choice.layer)(choice, shape)
}
