import { zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { LayersModel } from '../../src/contracts/model.js'
import { parse } from '../../src/contracts/parse.js'
import type { StoredTensors } from '../../src/formats/safetensors.js'
import { tf } from '../../src/ml/engine/tensorflow.js'
import { encodeWeights } from '../../src/ml/export.js'
import type { ModelCard } from '../../src/ml/exports/card.js'
import { encodeKeras } from '../../src/ml/exports/keras-archive.js'
import { encodeTfjs, TFJS_WEIGHTS } from '../../src/ml/exports/tfjs.js'
import { buildModel } from '../../src/ml/models/model.js'
import { readHdf5 } from '../../src/model-files/hdf5.js'
import { readSafetensorsModel } from '../../src/model-files/model-file.js'
import { readModelFile } from '../../src/model-files/read-model-file.js'
import { cannotExport } from '../../src/planning/keras/to-keras.js'
import type { NamedModel } from '../../src/planning/presets.js'
import { EXPORT_CASES, type ExportCase, KERAS_CASES } from '../ml/exports/cases.js'

const card = { generator: 'Espalier' } as ModelCard // what is in it makes no difference to a reader
const MAX = 2 ** 24

function predict(model: NamedModel, weights: StoredTensors, input: ExportCase['input']): number[] {
  return tf.tidy(() => {
    const tensors = Object.fromEntries(
      Object.entries(weights).map(([name, { shape, values }]) => [name, tf.tensor(values, [...shape])]),
    )
    const x = tf.tensor(input.values, [...input.shape], input.type === 'int32' ? 'int32' : 'float32')
    return [...buildModel(model, 'mean-squared-error').apply(tensors, x).dataSync()]
  })
}

const named = (cases: readonly ExportCase[]) => cases.map((each) => [each.name, each] as const)
const isId = ({ input }: ExportCase) => input.type === 'int32'

describe('a model that was written and is read again gives the same', () => {
  it.each(named(KERAS_CASES))('as .keras: %s', async (_, each) => {
    const { model, weights } = await readModelFile(
      await encodeKeras(each.model, each.weights, isId(each), card),
      null,
      MAX,
    )
    expect(predict(model, weights, each.input)).toEqual(predict(each.model, each.weights, each.input))
  })

  it.each(named(EXPORT_CASES.filter(({ model }) => cannotExport(model, 'tfjs').length === 0)))(
    'as TensorFlow.js: %s',
    async (_, each) => {
      const { json, weights: bytes } = encodeTfjs(each.model, each.weights, isId(each), card)
      const { model, weights } = await readModelFile(zipSync({ 'model.json': json, [TFJS_WEIGHTS]: bytes }), null, MAX)
      expect(predict(model, weights, each.input)).toEqual(predict(each.model, each.weights, each.input))
    },
  )

  it.each(named(EXPORT_CASES))('as safetensors with its layers: %s', (_, each) => {
    const topology = parse(LayersModel, {
      kind: 'layers',
      inputShape: each.model.inputShape,
      layers: each.model.layers,
    })
    if (!topology.ok) throw new Error(JSON.stringify(topology.errors))
    const { model, weights } = readSafetensorsModel(encodeWeights(each.weights), topology.value)
    expect(predict(model, weights, each.input)).toEqual(predict(each.model, each.weights, each.input))
  })
})

describe('a file of weights with which the library does not end in time', () => {
  it('is refused, and its thread ends', async () => {
    const threads = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length
    const before = threads()
    const reading = readHdf5(new Uint8Array(2 ** 20), { groups: [], variables: [] }, 1)
    await expect(reading).rejects.toThrow(/took longer than 0.001 seconds/)
    expect(threads()).toBe(before)
  })
})
