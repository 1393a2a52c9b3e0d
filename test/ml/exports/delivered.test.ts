import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  decodeSafetensors,
  decodeTyped,
  encodeSafetensors,
  type StoredTensors,
} from '../../../src/formats/safetensors.js'
import { prepareData } from '../../../src/ml/data.js'
import { exportWeights, sha256 } from '../../../src/ml/export.js'
import { fromHalf, toHalf } from '../../../src/ml/exports/quantization.js'
import { jsonOf, unzip } from '../../../src/model-files/zip.js'
import { pythonWith } from '../../support/python.js'
import { evaluatedByHand, type Values, valuesOf } from '../by-hand.js'
import { moonData, moonSpec, moons, plannedMoonSpec } from '../fixtures.js'
import { finished } from '../runs.js'

/** Nine of ten weights removed, and with them units; validation rows and test rows. */
const FIELDS = {
  name: 'half-moons',
  epochs: 6,
  seed: 11,
  validation: { fraction: 0.2 },
  pruning: {
    scope: 'global',
    schedule: { kind: 'one-shot', finalSparsity: 0.9, beginStep: 8 },
    compact: true,
  },
  exports: ['safetensors', 'sparse', 'float16', 'int8', 'keras', 'tfjs', 'saved-model', 'onnx'],
}

let job: Awaited<ReturnType<typeof finished>>
const artifact = (name: string): Uint8Array => {
  const bytes = job.recorded.artifacts.get(name)
  if (!bytes) throw new Error(`no file ${name}`)
  return bytes
}
/** Of weights.safetensors. */
let weights: StoredTensors
beforeAll(async () => {
  job = await finished({ spec: moonSpec(FIELDS) })
  weights = decodeSafetensors(artifact('weights.safetensors')).tensors
  expect(weights['dense-2/bias']?.shape).not.toEqual([16])
})

describe('weights in fewer bits', () => {
  /** What the result says about a format, which is what its file gives, and not what the unrounded weights give. */
  function expectMeasured(format: string, rounded: Values, name: string): void {
    const quantized = job.result.quantized.find((each) => each.format === format)
    expect(quantized?.bytes).toBe(artifact(name).byteLength)
    const [own, unrounded] = [rounded, valuesOf(weights)].map((values) =>
      evaluatedByHand(values, 'validationRows', plannedMoonSpec(FIELDS)),
    )
    expect(quantized?.means?.loss).toBeCloseTo(own?.loss ?? Number.NaN, 6)
    expect(quantized?.means?.accuracy).toBeCloseTo(own?.accuracy ?? Number.NaN, 6)
    expect(Math.abs((own?.loss ?? 0) - (unrounded?.loss ?? 0))).toBeGreaterThan(2e-6)
  }

  it('are whole numbers with the scale of their column in int8, and cost what the result says', () => {
    const { tensors, metadata } = decodeTyped(artifact('weights-int8.safetensors'))
    expect(metadata).toEqual({ format: 'espalier-weights-int8', version: '1' })
    const kernels = Object.keys(weights).filter((name) => name.endsWith('/kernel'))
    expect(Object.keys(tensors).toSorted()).toEqual(
      [...Object.keys(weights), ...kernels.map((name) => `${name}:scale`)].toSorted(),
    )
    const rounded: Record<string, Float32Array> = {}
    for (const [name, { shape, values }] of Object.entries(weights)) {
      const { [name]: stored, [`${name}:scale`]: scale } = tensors
      if (shape.length === 1) {
        expect(stored, name).toEqual({ dtype: 'F32', shape, values })
        rounded[name] = Float32Array.from(values)
        continue
      }
      const columns = shape.at(-1) ?? 0
      const own = (column: number) => [...values].filter((_, index) => index % columns === column)
      const scales = Float32Array.from({ length: columns }, (_, column) => Math.max(...own(column).map(Math.abs)) / 127)
      expect(scale, name).toEqual({ dtype: 'F32', shape: [columns], values: scales })
      const whole = Int8Array.from(values, (value, index) => Math.round(value / (scales[index % columns] ?? 0)))
      expect(stored, name).toEqual({ dtype: 'I8', shape, values: whole })
      rounded[name] = Float32Array.from(whole, (number, index) => number * (scales[index % columns] ?? 0))
    }
    expectMeasured('int8', rounded, 'weights-int8.safetensors')
  })

  it('are the nearest halves in float16, and cost what the result says', () => {
    const { tensors, metadata } = decodeTyped(artifact('weights-float16.safetensors'))
    expect(metadata).toEqual({ format: 'espalier-weights-float16', version: '1' })
    const nearest = Object.entries(weights).map(([name, { shape, values }]) => [
      name,
      { dtype: 'F16', shape, values: Uint16Array.from(values, toHalf) },
    ])
    expect({ ...tensors }).toEqual(Object.fromEntries(nearest))
    const rounded = Object.entries(tensors).map(([name, { values }]) => [name, Float32Array.from(values, fromHalf)])
    expectMeasured('float16', Object.fromEntries(rounded), 'weights-float16.safetensors')
  })
})

const python = pythonWith('safetensors', 'numpy')

it.skipIf(python === null)('safetensors and numpy read the weights in fewer bits', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'espalier-quantized-'))
  for (const name of ['weights', 'weights-float16', 'weights-int8'].map((name) => `${name}.safetensors`))
    writeFileSync(path.join(folder, name), artifact(name))
  const script = path.join(import.meta.dirname, 'load_quantized.py')
  const found = JSON.parse(execFileSync(python ?? '', [script, folder], { encoding: 'utf8' }))
  rmSync(folder, { recursive: true })
  // Three kernels with scales, three biases.
  expect(found).toMatchObject({ tensors: [6, 9], wrong: [] })
  expect(found.farthest).toBeGreaterThan(0.4)
  expect(found.farthest).toBeLessThanOrEqual(0.5 + 1e-4)
})

/** The bytes of this field in a message of protocol buffers, each time it comes. */
function fieldsOf(message: Uint8Array, wanted: number): Uint8Array[] {
  const found: Uint8Array[] = []
  let at = 0
  const varint = () => {
    let [value, shift] = [0, 1]
    for (let byte = 128; byte >= 128; shift *= 128) {
      byte = message[at++] ?? 0
      value += (byte & 127) * shift
    }
    return value
  }
  while (at < message.length) {
    const [key, length] = [varint(), varint()]
    if ((key & 7) !== 2) continue
    if (key >> 3 === wanted) found.push(message.subarray(at, at + length))
    at += length
  }
  return found
}

describe('the card of a model', () => {
  const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes)
  const zipped = async (archive: string, file: string) => jsonOf(await unzip(artifact(archive), 2 ** 24), file)
  /** ModelProto.metadata_props is field 14; of an entry, key is field 1 and value field 2. */
  const onnxMetadata = () =>
    fieldsOf(artifact('model.onnx'), 14).map((entry) => [1, 2].map((field) => text(fieldsOf(entry, field)[0])))

  it.each([
    ['model.keras', async () => (await zipped('model.keras', 'metadata.json')) as { espalier: unknown }],
    ['tfjs-model.json', () => ({ espalier: JSON.parse(text(artifact('tfjs-model.json'))).userDefinedMetadata })],
    ['saved-model.zip', async () => ({ espalier: await zipped('saved-model.zip', 'assets.extra/model-card.json') })],
    ['model.onnx', () => ({ espalier: JSON.parse(Object.fromEntries(onnxMetadata()).espalier ?? '') })],
  ])('tells where it comes from: %s', async (_, metadata) => {
    const spec = plannedMoonSpec(FIELDS)
    const { datasetId, clipping, pruning } = spec
    // As the network takes them: of these floats, normalized; test rows last.
    const { 'data/features': features, 'data/labels': labels } = prepareData(moonData(), moons, spec).state
    if (!features || !labels) throw new Error('there are no data')
    const { espalier } = await metadata()
    expect(espalier).toEqual({
      ...{ generator: 'Espalier', name: 'half-moons', datasetId, seed: 11, steps: 24 },
      ...{ loss: 'sparse-categorical-crossentropy', clipping, pruning },
      dataSha256: sha256(encodeSafetensors({ features, labels })),
      weightsSha256: sha256(artifact('weights.safetensors')),
      // 288 of 2 · 16 + 16 · 16 + 16 · 2 weights.
      sparsity: 0.9,
      validation: job.result.validation,
      test: job.result.test,
    })
    expect(job.result.validation).not.toEqual(job.result.test)
  })
})

it('a weight that was removed while it was negative is +0 in the files', () => {
  const tensor = (values: number[]) => ({ type: 'float32', shape: [3], values: Float32Array.from(values) }) as const
  const { dense, sparse, sha256 } = exportWeights({ w: tensor([-0, -1, 0]) })
  const { w } = decodeSafetensors(dense).tensors
  expect([...(w?.values ?? [])]).toEqual([0, -1, 0])
  const clean = exportWeights({ w: tensor([0, -1, 0]) })
  expect([sha256, sparse]).toEqual([clean.sha256, clean.sparse])
})
