import type { DatasetSchema } from '../src/contracts/dataset.js'
import type { PresetName } from '../src/contracts/model.js'
import { dataShape } from '../src/planning/planned-spec.js'
import { expandModel, type NamedModel } from '../src/planning/presets.js'

export interface BenchModel {
  readonly name: string
  readonly model: NamedModel
  /** What it trains on. */
  readonly dataset: DatasetSchema
  /** Steps in one run of the fast variants. */
  readonly steps: number
  /** Steps in one run of the eager variant, which is slower. */
  readonly eagerSteps: number
}

const names = (count: number) => Array.from({ length: count }, (_, index) => String(index))

const images = (exampleShape: number[], trainRows: number): DatasetSchema => ({
  exampleShape,
  featureType: 'uint8',
  columns: null,
  target: { kind: 'classes', names: names(10) },
  trainRows,
  testRows: 0,
})

const texts = (length: number, vocabularySize: number, trainRows: number): DatasetSchema => ({
  exampleShape: [length],
  featureType: 'int32',
  vocabularySize,
  columns: null,
  target: { kind: 'tokens', vocabulary: names(vocabularySize), length },
  trainRows,
  testRows: 0,
})

const mnist = images([28, 28, 1], 51_200)
const cifar10 = images([32, 32, 3], 5120)
const characters = texts(64, 65, 5120)

function preset(
  presetName: PresetName,
  dataset: DatasetSchema,
  rest: Pick<BenchModel, 'name' | 'steps' | 'eagerSteps'>,
): BenchModel {
  return { model: expandModel({ kind: 'preset', name: presetName }, dataShape(dataset)), dataset, ...rest }
}

/** By the names that `--models` takes. */
export const MODELS: Readonly<Record<string, BenchModel>> = {
  mlp: preset('lenet-300-100', mnist, { name: 'MLP 784-300-100-10', steps: 400, eagerSteps: 50 }),
  'lenet-5': preset('lenet-5', mnist, { name: 'LeNet-5', steps: 50, eagerSteps: 20 }),
  'resnet-8': preset('resnet-8', cifar10, { name: 'ResNet-8, 32×32×3', steps: 10, eagerSteps: 2 }),
  lstm: preset('lstm-classifier', mnist, { name: 'LSTM-64, 28×28 rows', steps: 50, eagerSteps: 5 }),
  'char-rnn': preset('char-rnn', characters, {
    name: 'char-RNN (LSTM-128), 64 characters of 65',
    steps: 10,
    eagerSteps: 2,
  }),
}
