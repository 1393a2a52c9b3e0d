import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { io, type Tensor } from '@tensorflow/tfjs-core'
import { loadLayersModel } from '@tensorflow/tfjs-layers'
import { describe, expect, it } from 'vitest'
import { encodeSafetensors, type StoredTensor } from '../../../src/formats/safetensors.js'
import { relativeDifference } from '../../../src/ml/certificate.js'
import { tf } from '../../../src/ml/engine/tensorflow.js'
import type { ModelCard } from '../../../src/ml/exports/card.js'
import { traceFreely } from '../../../src/ml/exports/free-batch.js'
import { encodeKeras } from '../../../src/ml/exports/keras-archive.js'
import { encodeOnnx } from '../../../src/ml/exports/onnx.js'
import { encodeSavedModel } from '../../../src/ml/exports/saved-model.js'
import { encodeTfjs } from '../../../src/ml/exports/tfjs.js'
import { buildModel } from '../../../src/ml/models/model.js'
import { pythonWith } from '../../support/python.js'
import { EXPORT_CASES, type ExportCase, KERAS_CASES } from './cases.js'

const card = { generator: 'Espalier' } as ModelCard // what is in it makes no difference to a loader

/** What Espalier gives, activations and all: a loss that takes no logits leaves the last one in. */
function expectedOf({ model, weights, input }: ExportCase): StoredTensor {
  return tf.tidy(() => {
    const built = buildModel(model, 'mean-squared-error')
    const tensors = Object.fromEntries(
      Object.entries(weights).map(([name, { shape, values }]) => [name, tf.tensor(values, [...shape])]),
    )
    const x = tf.tensor(input.values, [...input.shape], input.type === 'int32' ? 'int32' : 'float32')
    const y = built.apply(tensors, x)
    return { type: 'float32' as const, shape: y.shape, values: Float32Array.from(y.dataSync()) }
  })
}

describe('layers models', () => {
  it.each(EXPORT_CASES.map((each) => [each.name, each] as const))(
    'give the same in TensorFlow.js: %s',
    async (_, each) => {
      const isId = each.input.type === 'int32'
      const { json, weights } = encodeTfjs(each.model, each.weights, isId, card)
      const { modelTopology, weightsManifest } = JSON.parse(new TextDecoder().decode(json))
      const [{ weights: weightSpecs }] = weightsManifest
      const loaded = await loadLayersModel(
        io.fromMemory({ modelTopology, weightSpecs, weightData: weights.slice().buffer }),
      )
      const expected = expectedOf(each)
      tf.tidy(() => {
        const x = tf.tensor(each.input.values, [...each.input.shape], isId ? 'int32' : 'float32')
        const y = loaded.predict(x) as Tensor // one output
        expect(y.shape).toEqual(expected.shape)
        expect(relativeDifference(Float32Array.from(expected.values), Float32Array.from(y.dataSync()))).toBeLessThan(
          2e-5,
        )
      })
      loaded.dispose()
    },
  )
})

const python = pythonWith('keras', 'tensorflow', 'onnxruntime', 'onnx', 'safetensors', 'numpy')

describe.skipIf(python === null)('exported models', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'espalier-exports-'))

  async function write(each: ExportCase) {
    const own = path.join(folder, each.name)
    mkdirSync(own)
    const isId = each.input.type === 'int32'
    const pair = { input: each.input, expected: expectedOf(each) }
    writeFileSync(path.join(own, 'case.safetensors'), encodeSafetensors(pair, {}))
    writeFileSync(path.join(own, 'model.keras'), await encodeKeras(each.model, each.weights, isId, card))
    const trace = traceFreely(buildModel(each.model, 'mean-squared-error'), each.weights, isId)
    writeFileSync(path.join(own, 'saved-model.zip'), encodeSavedModel(trace, card))
    writeFileSync(path.join(own, 'model.onnx'), encodeOnnx(trace, card))
  }

  it('give the same in Keras, TensorFlow and onnxruntime', async () => {
    for (const each of [...EXPORT_CASES, ...KERAS_CASES]) await write(each)
    const script = path.join(import.meta.dirname, 'load_exports.py')
    const answer = execFileSync(python ?? '', [script, folder], { encoding: 'utf8', maxBuffer: 2 ** 24 })
    const report = JSON.parse(answer.trim().split('\n').at(-1) ?? '{}') as Record<string, Record<string, unknown>>
    expect(Object.keys(report).length).toBe(EXPORT_CASES.length + KERAS_CASES.length)
    const wrong = Object.entries(report).flatMap(([name, files]) =>
      Object.entries(files)
        .filter(([, difference]) => typeof difference !== 'number' || !(difference < 2e-5))
        .map(([file, difference]) => `${name}/${file}: ${difference}`),
    )
    expect(wrong).toEqual([])
  })
})
