import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { io, type Tensor } from '@tensorflow/tfjs-core'
import { loadLayersModel } from '@tensorflow/tfjs-layers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, makeClient } from '../../src/cli/client.js'
import type { Artifact } from '../../src/contracts/artifact.js'
import { ModelSpec } from '../../src/contracts/model.js'
import { parse } from '../../src/contracts/parse.js'
import type { TrainingJob } from '../../src/contracts/training-job.js'
import { decodeSafetensors, encodeSafetensors, type StoredTensors } from '../../src/formats/safetensors.js'
import { relativeDifference } from '../../src/ml/certificate.js'
import { tf } from '../../src/ml/engine/tensorflow.js'
import { buildModel } from '../../src/ml/models/model.js'
import { expandModel } from '../../src/planning/presets.js'
import { makeRandom } from '../../src/random.js'
import { type Serving, serve } from '../support/espalier-process.js'
import { pythonWith } from '../support/python.js'

const SIDE = 8
const CLASSES = ['across', 'down', 'both']
/** Rows of the dataset that every model is applied to. */
const ROWS = 50

/** Images of a bright row, a bright column or both, in noise. */
function images(): { pixels: number[]; label: string }[] {
  const random = makeRandom(1, 'images')
  return Array.from({ length: 240 }, (_, index) => {
    const label = CLASSES[index % CLASSES.length] ?? ''
    const [row, column] = [Math.floor(random.uniform() * SIDE), Math.floor(random.uniform() * SIDE)]
    const pixels = Array.from({ length: SIDE * SIDE }, (_, at) => {
      const isBright =
        (label !== 'down' && Math.floor(at / SIDE) === row) || (label !== 'across' && at % SIDE === column)
      return Math.round((isBright ? 2 : 0) * 100 + 60 * random.normal()) / 100
    })
    return { pixels, label }
  })
}

const MODEL = {
  kind: 'layers',
  inputShape: [SIDE, SIDE, 1],
  layers: [
    { type: 'conv2d', name: 'conv', filters: 8, kernelSize: 3, padding: 'same', useBias: false },
    { type: 'batch-normalization', name: 'norm' },
    { type: 'activation', name: 'relu', activation: 'relu' },
    { type: 'max-pooling2d', name: 'pool', poolSize: 2 },
    { type: 'conv2d', name: 'narrow', filters: 6, kernelSize: 2, activation: 'relu' },
    { type: 'flatten', name: 'flat' },
    { type: 'dense', name: 'hidden', units: 10, activation: 'tanh' },
    { type: 'dense', name: 'output', units: CLASSES.length, activation: 'softmax' },
  ],
}
const FORMATS = ['safetensors', 'sparse', 'keras', 'tfjs', 'saved-model', 'onnx']
const FILES = [
  ...['weights.safetensors', 'weights.sparse', 'model.keras', 'tfjs-model.json', 'tfjs-weights.bin'],
  ...['saved-model.zip', 'model.onnx', 'report.json'],
]

let folder: string
let service: Serving
let job: TrainingJob
let artifacts: Artifact[]
/** By name, as they came over HTTP. */
const files = new Map<string, Uint8Array>()
/** [ROWS, SIDE, SIDE, 1], normalized as the report says. */
let input: Float32Array
/** What Espalier gives for it, of weights.safetensors and the layers in the report. */
let expected: Float32Array

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'espalier-artifacts-'))
  service = await serve(path.join(folder, 'data'))
  const client = makeClient(service)
  job = await trainOn(client)
  artifacts = await client.artifacts(job.id)
  for (const { name } of artifacts) {
    files.set(name, await client.download(job.id, name))
    await writeFile(path.join(folder, name), fileOf(name))
  }
  const { preprocessing, model } = JSON.parse(textOf('report.json')) as {
    preprocessing: { normalization: { mean: number[]; deviation: number[] } }
    model: unknown
  } // written by the service; what it holds is checked by what comes out
  const { mean, deviation } = preprocessing.normalization
  const chosen = images().slice(0, ROWS)
  input = Float32Array.from(
    chosen.flatMap(({ pixels }) => pixels.map((pixel, at) => (pixel - (mean[at] ?? 0)) / (deviation[at] ?? 1))),
  )
  expected = applied(model, decodeSafetensors(fileOf('weights.safetensors')).tensors)
})
afterAll(async () => {
  await service?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function trainOn(client: Client): Promise<TrainingJob> {
  const header = [...Array.from({ length: SIDE * SIDE }, (_, at) => `p${at}`), 'stripes'].join()
  const text = [header, ...images().map(({ pixels, label }) => [...pixels, label].join())].join('\n')
  const dataset = await client.uploadDataset({ name: 'stripes.csv', text }, { target: 'stripes' })
  const { id } = await client.submit({
    datasetId: dataset.id,
    model: MODEL,
    optimizer: { kind: 'adam', learningRate: 0.01 },
    steps: 120,
    batchSize: 40,
    seed: 5,
    clipping: { mode: 'global-norm', maxNorm: 1 },
    pruning: {
      granularity: { kind: 'filter' },
      schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 40 },
    },
    exports: FORMATS,
    engine: { xla: 'never' },
  })
  return client.watch(id, {})
}

function fileOf(name: string): Uint8Array {
  const bytes = files.get(name)
  if (!bytes) throw new Error(`no file ${name}`)
  return bytes
}

function textOf(name: string): string {
  return new TextDecoder().decode(fileOf(name))
}

/** Probabilities [ROWS, classes]: under a loss that takes no logits the softmax stays. */
function applied(spec: unknown, weights: StoredTensors): Float32Array {
  const parsed = parse(ModelSpec, spec)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return tf.tidy(() => {
    const tensors = Object.entries(weights).map(([name, { shape, values }]) => [name, tf.tensor(values, [...shape])])
    const x = tf.tensor(input, [ROWS, SIDE, SIDE, 1])
    const model = buildModel(expandModel(parsed.value), 'mean-squared-error')
    return Float32Array.from(model.apply(Object.fromEntries(tensors), x).dataSync())
  })
}

function expectSame(outputs: Float32Array, name: string): void {
  expect(relativeDifference(expected, outputs), name).toBeLessThanOrEqual(1e-5)
  expect(classesOf(outputs), name).toEqual(classesOf(expected))
}

function classesOf(probabilities: Float32Array): number[] {
  return Array.from({ length: ROWS }, (_, row) => {
    const own = probabilities.subarray(row * CLASSES.length, (row + 1) * CLASSES.length)
    return own.indexOf(Math.max(...own))
  })
}

it('trains, prunes and compacts a network that has learnt something', () => {
  expect(job.failure).toBeNull()
  expect(job.status).toBe('succeeded')
  const shapes = Object.fromEntries(
    Object.entries(decodeSafetensors(fileOf('weights.safetensors')).tensors).map(([name, { shape }]) => [name, shape]),
  )
  // Of 8 and 6 filters half are left: 3 × 3 positions of 3 channels reach the dense layer.
  expect(shapes).toEqual({
    'conv/kernel': [3, 3, 1, 4],
    'norm/gamma': [4],
    'norm/beta': [4],
    'norm/moving-mean': [4],
    'norm/moving-variance': [4],
    'narrow/kernel': [2, 2, 4, 3],
    'narrow/bias': [3],
    'hidden/kernel': [27, 10],
    'hidden/bias': [10],
    'output/kernel': [10, 3],
    'output/bias': [3],
  })
  const { names } = JSON.parse(textOf('report.json')).dataset.target
  const labels = images().map(({ label }) => label)
  const right = classesOf(expected).filter((index, row) => names[index] === labels[row])
  // Chance would be a third.
  expect(right.length / ROWS).toBeGreaterThan(0.8)
})

it('delivers every format, each file as the list of artifacts says', () => {
  expect(artifacts.map(({ name }) => name)).toEqual(expect.arrayContaining(FILES))
  for (const { name, bytes, sha256 } of artifacts) {
    const file = fileOf(name)
    const hash = createHash('sha256').update(file).digest('hex')
    expect([name, file.byteLength, hash]).toEqual([name, bytes, sha256])
  }
})

it('gives the same in TensorFlow.js', async () => {
  const { modelTopology, weightsManifest } = JSON.parse(textOf('tfjs-model.json'))
  const [{ paths, weights: weightSpecs }] = weightsManifest
  const weightData = fileOf(paths[0]).slice().buffer
  const model = await loadLayersModel(io.fromMemory({ modelTopology, weightSpecs, weightData }))
  const outputs = tf.tidy(() => {
    const y = model.predict(tf.tensor(input, [ROWS, SIDE, SIDE, 1])) as Tensor // one output
    return Float32Array.from(y.dataSync())
  })
  model.dispose()
  expectSame(outputs, 'tfjs-model.json')
})

const python = pythonWith('keras', 'tensorflow', 'onnxruntime', 'onnx', 'safetensors', 'numpy')

describe.skipIf(python === null)('in Python', () => {
  it('gives the same in Keras, TensorFlow and onnxruntime, of the same weights', async () => {
    const example = { input: { type: 'float32' as const, shape: [ROWS, SIDE, SIDE, 1], values: input } }
    await writeFile(path.join(folder, 'case.safetensors'), encodeSafetensors(example, {}))
    const script = path.join(import.meta.dirname, 'open_artifacts.py')
    const answer = execFileSync(python ?? '', [script, folder], { encoding: 'utf8', maxBuffer: 2 ** 24 })
    const found = JSON.parse(answer.trim().split('\n').at(-1) ?? '{}') as {
      outputs: Record<string, number[]>
      weights: number
      different: string[]
    } // printed by the script
    expect(Object.keys(found.outputs).toSorted()).toEqual(['model.keras', 'model.onnx', 'saved-model.zip'])
    for (const [name, outputs] of Object.entries(found.outputs)) expectSame(Float32Array.from(outputs), name)
    expect(found).toMatchObject({ weights: 11, different: [] })
  })

  it('finds the same weights in weights.sparse, bit by bit', () => {
    const reader = path.join('examples', 'read_sparse.py')
    const [sparse, dense] = ['weights.sparse', 'weights.safetensors'].map((name) => path.join(folder, name))
    // 36 + 16 + 48 + 3 + 270 + 10 + 30 + 3 numbers; it ends with another code if the files differ.
    expect(execFileSync(python ?? '', [reader, sparse ?? '', dense ?? ''], { encoding: 'utf8' })).toBe(
      '11 tensors, 416 numbers, equal\n',
    )
  })
})
