import { describe, expect, it } from 'vitest'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import { LOSS_TARGETS, LOSSES, type LossName } from '../../src/contracts/loss.js'
import { planTrainingJob } from '../../src/planning/plan.js'
import { caught, specOf } from './fixtures.js'

const schemaOf = (target: DatasetSchema['target'], exampleShape = [4]): DatasetSchema => ({
  exampleShape,
  featureType: 'float32',
  columns: null,
  target,
  trainRows: 100,
  testRows: 0,
})
const classes = (count: number) =>
  schemaOf({ kind: 'classes', names: Array.from({ length: count }, (_, index) => `class ${index}`) })
const numbers = (size: number) => schemaOf({ kind: 'number', size })
const tokens: DatasetSchema = {
  ...schemaOf({ kind: 'tokens', vocabulary: ['a', 'b', 'c'], length: 4 }),
  featureType: 'int32',
  vocabularySize: 3,
}

function plan(dataset: DatasetSchema, loss: LossName, ...layers: Record<string, unknown>[]) {
  const model = { kind: 'layers', inputShape: dataset.exampleShape, layers }
  return planTrainingJob(specOf({ model, loss, batchSize: 10, metrics: [] }), dataset)
}
const errorOf = (...given: Parameters<typeof plan>) => caught(() => plan(...given)).errors
const dense = (units: number, activation = 'linear') => ({ type: 'dense', units, activation })
const activation = (name: string) => ({ type: 'activation', activation: name })

describe('one output', () => {
  const twoSided: readonly LossName[] = ['binary-crossentropy', 'hinge', 'squared-hinge']
  const ofClasses = LOSSES.filter((loss) => LOSS_TARGETS[loss].includes('classes'))

  it.each(ofClasses)('for two classes is enough under %s exactly if that has two sides', (loss) => {
    const ending = loss === 'kl-divergence' ? 'softmax' : 'linear'
    if (twoSided.includes(loss)) expect(plan(classes(2), loss, dense(1, ending)).parameters).toBe(5)
    else expect(errorOf(classes(2), loss, dense(1, ending))[0]?.detail).toContain('needs [2]; one output is enough if')
    expect(plan(classes(2), loss, dense(2, ending)).parameters).toBe(10)
  })

  it.each(ofClasses)('for three classes is too little under %s', (loss) => {
    const ending = loss === 'kl-divergence' ? 'softmax' : 'linear'
    const [error] = errorOf(classes(3), loss, dense(1, ending))
    expect(error).toMatchObject({ pointer: '/model/layers/0', detail: expect.stringMatching(/needs \[3\]$/) })
  })
})

describe('the end of the model', () => {
  it.each<[string, DatasetSchema, LossName, Record<string, unknown>[]]>([
    ['softmax', classes(3), 'sparse-categorical-crossentropy', [dense(3, 'softmax')]],
    ['softmax as a layer', classes(3), 'categorical-crossentropy', [dense(3), { type: 'softmax' }]],
    [
      'softmax of the last axis by its number',
      classes(3),
      'categorical-crossentropy',
      [dense(3), { type: 'softmax', axis: 1 }],
    ],
    ['softplus', numbers(1), 'poisson', [dense(1, 'softplus')]],
    ['relu as a layer', numbers(1), 'poisson', [dense(1), { type: 'relu' }]],
    ['tanh', classes(3), 'squared-hinge', [dense(3, 'tanh')]],
    ['scores that are only moved', classes(4), 'categorical-crossentropy', [dense(4), { type: 'flatten' }]],
    [
      'softmax within',
      tokens,
      'sparse-categorical-crossentropy',
      [
        { type: 'embedding', inputSize: 3, outputSize: 5 },
        { type: 'time-distributed', layer: dense(3, 'softmax') },
      ],
    ],
    ['anything', numbers(2), 'mean-squared-error', [dense(2, 'softmax')]],
  ])('may be %s', (_, dataset, loss, layers) => {
    expect(plan(dataset, loss, ...layers).layers.length).toBe(layers.length)
  })

  it.each<[string, DatasetSchema, LossName, Record<string, unknown>[], string, string]>([
    [
      'relu before logits',
      classes(3),
      'sparse-categorical-crossentropy',
      [dense(3, 'relu')],
      '/model/layers/0/activation',
      'ends in relu',
    ],
    [
      'leaky relu before logits',
      classes(3),
      'binary-crossentropy',
      [dense(3), { type: 'leaky-relu' }],
      '/model/layers/1',
      'ends in leaky-relu',
    ],
    [
      'prelu before logits',
      classes(3),
      'binary-crossentropy',
      [dense(3), { type: 'prelu' }],
      '/model/layers/1',
      'ends in prelu',
    ],
    [
      'softmax before sigmoid',
      classes(3),
      'binary-crossentropy',
      [dense(3), activation('softmax')],
      '/model/layers/1/activation',
      'ends in softmax',
    ],
    [
      'a softmax within',
      tokens,
      'sparse-categorical-crossentropy',
      [
        { type: 'embedding', inputSize: 3, outputSize: 5 },
        { type: 'time-distributed', layer: dense(3, 'relu') },
      ],
      '/model/layers/1',
      'ends in relu',
    ],
    [
      'a tanh within',
      schemaOf({ kind: 'classes', names: ['a', 'b'] }, [4, 2]),
      'binary-crossentropy',
      [{ type: 'bidirectional', mergeMode: 'sum', layer: { type: 'lstm', units: 2 } }],
      '/model/layers/0',
      'ends in tanh',
    ],
    [
      'a sigmoid of a recurrence, which no loss can bring along',
      schemaOf({ kind: 'classes', names: ['a', 'b'] }, [4, 2]),
      'binary-crossentropy',
      [{ type: 'simple-rnn', units: 2, activation: 'sigmoid' }],
      '/model/layers/0/activation',
      'it is part of the recurrence',
    ],
    [
      'a softmax whose numbers are only moved afterwards',
      classes(4),
      'sparse-categorical-crossentropy',
      [dense(4, 'softmax'), { type: 'reshape', targetShape: [2, 2] }, { type: 'dropout' }, { type: 'flatten' }],
      '/model/layers/0/activation',
      "layer 'dense-1' ends in softmax, and what follows hands its numbers on to sparse-categorical-crossentropy",
    ],
    [
      'a softmax layer before a pooling of it',
      { ...classes(3), exampleShape: [4, 2] },
      'categorical-crossentropy',
      [dense(3), { type: 'softmax' }, { type: 'global-average-pooling' }],
      '/model/layers/1',
      'make it linear, or put the activation into the last layer',
    ],
    [
      'a sigmoid of each step that is flattened',
      { ...schemaOf({ kind: 'labels', names: ['a', 'b', 'c', 'd'] }), exampleShape: [2, 2] },
      'binary-crossentropy',
      [{ type: 'time-distributed', layer: dense(2, 'sigmoid') }, { type: 'flatten' }],
      '/model/layers/0',
      'ends in sigmoid, and what follows hands its numbers on',
    ],
    [
      'softmax over time',
      tokens,
      'sparse-categorical-crossentropy',
      [
        { type: 'embedding', inputSize: 3, outputSize: 3 },
        { type: 'softmax', axis: 1 },
      ],
      '/model/layers/1',
      'ends in softmax over axis 1',
    ],
    [
      'logits under kl-divergence',
      numbers(3),
      'kl-divergence',
      [dense(3)],
      '/model/layers/0/activation',
      'end the model in softmax',
    ],
    ['logits under poisson', numbers(1), 'poisson', [dense(1)], '/model/layers/0/activation', 'must not be negative'],
    [
      'a leak under poisson',
      numbers(1),
      'poisson',
      [dense(1), { type: 'relu', negativeSlope: 0.1 }],
      '/model/layers/1',
      'ends in leaky-relu',
    ],
    [
      'probabilities under hinge',
      classes(3),
      'hinge',
      [dense(3, 'sigmoid')],
      '/model/layers/0/activation',
      'end the model in linear or tanh',
    ],
    [
      'softmax of one number',
      numbers(1),
      'mean-squared-error',
      [dense(1, 'softmax')],
      '/model/layers/0/activation',
      'always 1',
    ],
  ])('must not be %s', (_, dataset, loss, layers, pointer, says) => {
    expect(errorOf(dataset, loss, ...layers)).toEqual([{ pointer, detail: expect.stringContaining(says) }])
  })
})
