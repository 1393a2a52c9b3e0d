import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import type { PruningReport } from '../../src/contracts/pruning-report.js'
import { decodeSafetensors, type StoredTensors } from '../../src/formats/safetensors.js'
import { sha256 } from '../../src/ml/export.js'
import { train } from '../../src/ml/train.js'
import type { TrainOptions } from '../../src/ml/training.js'
import { makeRandom } from '../../src/random.js'
import { moonSpec, optionsFor, type Recorded, recorder } from './fixtures.js'

type Fields = Record<string, unknown>
type Changes = Partial<TrainOptions>

async function run(fields: Fields, changes: Changes = {}, recorded: Recorded = recorder()) {
  const outcome = await train(optionsFor(recorded, { spec: moonSpec({ epochs: 6, ...fields }), ...changes }))
  return { outcome, recorded }
}

async function finished(fields: Fields, changes: Changes = {}) {
  const { outcome, recorded } = await run(fields, changes)
  if (outcome.kind !== 'succeeded') throw new Error(`stopped at ${outcome.step}`)
  const found = recorded.reports.findLast(({ kind }) => kind === 'pruning')
  if (!found) throw new Error('there is no pruning report')
  const artifact = (name: string) => recorded.artifacts.get(name) ?? new Uint8Array()
  return { result: outcome.result, recorded, artifact, report: found.body as PruningReport }
}

const half = { granularity: { kind: 'neuron' }, schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 12 } }

/** Without what is measured anew each time. */
function untimed({ latency: _, verdicts, ...report }: PruningReport) {
  return { ...report, verdicts: verdicts.filter((sentence) => !sentence.startsWith('Batch')) }
}

/** Images of one bright quarter: its number is the class. */
const images: DatasetSchema = {
  exampleShape: [8, 8, 1],
  featureType: 'float32',
  columns: null,
  target: { kind: 'classes', names: ['a', 'b', 'c', 'd'] },
  trainRows: 100,
  testRows: 20,
}

function imageData(): StoredTensors {
  const part = (split: string, rows: number) => {
    const random = makeRandom(1, `images/${split}`)
    const labels = Int32Array.from({ length: rows }, (_, row) => row % 4)
    const features = Float32Array.from({ length: rows * 64 }, (_, i) => {
      const [row, y, x] = [Math.floor(i / 64), Math.floor((i % 64) / 8), i % 8]
      const quarter = 2 * Math.floor(y / 4) + Math.floor(x / 4)
      return random.normal() * 0.5 + (quarter === labels[row] ? 1 : 0)
    })
    return {
      [`${split}.features`]: { type: 'float32', shape: [rows, 8, 8, 1], values: features },
      [`${split}.labels`]: { type: 'int32', shape: [rows], values: labels },
    } as const
  }
  return { ...part('train', 100), ...part('test', 20) }
}

const residual = {
  kind: 'layers',
  inputShape: [8, 8, 1],
  layers: [
    { type: 'conv2d', name: 'stem', filters: 8, kernelSize: 3, padding: 'same' },
    { type: 'batch-normalization', name: 'norm' },
    { type: 'activation', name: 'trunk', activation: 'relu' },
    { type: 'conv2d', name: 'inner', filters: 6, kernelSize: 3, padding: 'same', activation: 'relu' },
    { type: 'conv2d', name: 'outer', filters: 8, kernelSize: 3, padding: 'same' },
    { type: 'add', name: 'sum', inputs: ['trunk', 'outer'] },
    { type: 'max-pooling2d' },
    { type: 'flatten' },
    { type: 'dense', name: 'hidden', units: 12, activation: 'sigmoid' },
    { type: 'dense', name: 'output', units: 4, activation: 'softmax' },
  ],
}

describe('a network that is made smaller on the way', () => {
  it('is trained on with half of its neurons, and is proven to be the masked one', async () => {
    const { result, recorded, artifact, report } = await finished({ pruning: half })
    const { tensors } = decodeSafetensors(artifact('weights.safetensors'))
    expect(tensors['dense-1/kernel']?.shape).toEqual([2, 8])
    expect(tensors['dense-2/kernel']?.shape).toEqual([8, 8])
    expect(tensors['output/kernel']?.shape).toEqual([8, 2])
    expect(report.parameters).toMatchObject({ dense: 354, compact: 24 + 72 + 18 })
    expect(report.macs).toEqual({ dense: 32 + 256 + 32, compact: 16 + 64 + 16 })
    expect(report.compaction?.step).toBe(12)
    expect(report.certificate).toMatchObject({ holds: true, changedPredictions: 0, rows: 20, split: 'test' })
    expect(result.sparsity).toBeCloseTo(0.5, 12)
    expect(result.test?.accuracy).toBeGreaterThan(0.7)
    expect(report.rounds).toMatchObject([{ step: 12, sparsity: 0.5 }])
    expect(report.latency?.map(({ batch }) => batch)).toEqual([1])
    expect(recorded.events.filter(({ type }) => type === 'pruning.compacted').length).toBe(1)
    expect(recorded.started.length).toBe(1)
    expect([...recorded.series('loss').keys()]).toEqual(Array.from({ length: 30 }, (_, step) => step))
    const { model, layers } = JSON.parse(new TextDecoder().decode(artifact('report.json')))
    expect(model.layers[0].units).toBe(8)
    expect(layers[0].outputShape).toEqual([8])
  })

  it('leaves the files that its certificate names', async () => {
    const { artifact, report } = await finished({ pruning: half })
    const { certificate } = report
    expect(sha256(artifact('masked.safetensors'))).toBe(certificate?.maskedSha256)
    expect(sha256(artifact('compacted.safetensors'))).toBe(certificate?.compactSha256)
    expect(sha256(artifact('certificate-inputs.safetensors'))).toBe(certificate?.inputsSha256)
    expect(JSON.parse(new TextDecoder().decode(artifact('certificate.json')))).toEqual(certificate)
  })

  it('has convolutions, normalization and a sum, whose channels go together; a sigmoid of 0 is folded', async () => {
    const pruning = { granularity: { kind: 'unit' }, schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 8 } }
    const { report, artifact, result } = await finished(
      { model: residual, optimizer: { kind: 'adam', learningRate: 0.01 }, epochs: 10, pruning },
      { schema: images, data: imageData() },
    )
    const { tensors } = decodeSafetensors(artifact('weights.safetensors'))
    const shapes = ['stem', 'inner', 'outer', 'hidden'].map((layer) => tensors[`${layer}/kernel`]?.shape)
    expect(shapes).toEqual([
      [3, 3, 1, 4],
      [3, 3, 4, 3],
      [3, 3, 3, 4],
      [64, 6],
    ])
    expect(tensors['norm/gamma']?.shape).toEqual([4])
    expect(report.certificate?.holds).toBe(true)
    expect(report.certificate?.largestDifference).toBeLessThan(1e-5)
    expect(report.compaction?.folded).toEqual([{ bias: 'output/bias', sources: 6 }])
    expect(result.test?.accuracy).toBeGreaterThan(0.8)
    expect(report.verdicts.at(-1)).toMatch(/^It is the same network: /)
  })

  it.each([
    ['before it', 9],
    ['after it', 16],
  ])('ends with the same weights and report when interrupted %s', async (_, looks) => {
    const optimizer = { kind: 'adam', learningRate: 0.01, ema: { decay: 0.9 } }
    const fields = { pruning: half, optimizer, clipping: { mode: 'ada-gc', warmupSteps: 5 } }
    const whole = await finished(fields)
    const stopped = recorder()
    let seen = 0
    const signal = {
      get aborted() {
        return ++seen > looks
      },
      reason: 'shutdown',
    } as AbortSignal // these two members are all that the loop reads
    const { outcome } = await run(fields, { signal }, stopped)
    if (outcome.kind !== 'stopped') throw new Error('it was not stopped')
    const resume = { step: outcome.step, checkpoint: stopped.checkpoints.get(outcome.step) ?? new Uint8Array() }
    const resumed = await finished(fields, { resume })
    expect(resumed.result.weightsSha256).toBe(whole.result.weightsSha256)
    expect(untimed(resumed.report)).toEqual(untimed(whole.report))
  })
})

describe('what is delivered', () => {
  it('is all files that were asked for, each in a table of docs/formats.md', async () => {
    const exports = ['safetensors', 'sparse', 'float16', 'int8', 'keras', 'tfjs', 'saved-model', 'onnx']
    const { recorded } = await finished({ pruning: half, exports })
    expect([...recorded.artifacts.keys()].toSorted()).toEqual([
      ...['certificate-inputs.safetensors', 'certificate.json', 'compacted.safetensors', 'confusion-matrix.json'],
      'masked.safetensors',
      ...['model.keras', 'model.onnx', 'report.json', 'saved-model.zip', 'tfjs-model.json', 'tfjs-weights.bin'],
      ...['weights-float16.safetensors', 'weights-int8.safetensors', 'weights.safetensors', 'weights.sparse'],
    ])
    const page = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8')
    for (const name of [...recorded.artifacts.keys(), 'sample.txt', 'sensitivity.json'])
      expect(page).toContain(`\n| \`${name}\` |`)
  })

  it('is the same twice', async () => {
    const exports = ['keras', 'saved-model', 'onnx', 'tfjs', 'int8']
    const artifacts = async () => {
      const { recorded } = await run({ exports })
      return [...recorded.artifacts]
        .filter(([name]) => name !== 'report.json')
        .map(([name, bytes]) => [name, sha256(bytes)])
    }
    const first = await artifacts()
    expect(first.length).toBe(7)
    expect(await artifacts()).toEqual(first)
  })
})

describe('a network of single weights', () => {
  it('loses at the end the units that nothing is left of', async () => {
    const pruning = {
      compact: true,
      scope: 'global',
      schedule: { kind: 'one-shot', finalSparsity: 0.9, beginStep: 20 },
    }
    const { report, artifact } = await finished({ pruning })
    const { tensors } = decodeSafetensors(artifact('weights.safetensors'))
    expect(tensors['dense-2/kernel']?.shape[0]).toBeLessThan(16)
    expect(report.parameters.compact).toBeLessThan(report.parameters.dense)
    expect(report.compaction?.step).toBe(30)
    expect(report.certificate?.holds).toBe(true)
  })

  it('is not called smaller when it is not rebuilt', async () => {
    const pruning = { schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 20 } }
    const { report, result } = await finished({ pruning })
    expect(report.compaction).toBeNull()
    expect(report.latency).toBeNull()
    expect(report.parameters).toEqual({ dense: 354, compact: 354, nonZero: 354 - 160 })
    const { dense: raw, ...packed } = result.bytes
    expect(report.bytes.delivered).toEqual({ raw, ...packed })
    expect(report.bytes.masked).toEqual(report.bytes.delivered)
    expect(report.bytes.dense.raw).toBe(raw)
    expect(report.bytes.dense.gzip).toBeGreaterThan(1.3 * packed.gzip)
    expect(report.pieces).toEqual({ asked: 0.5, total: 320, removed: 160 })
    expect(report.verdicts.join(' ')).toMatch(/nothing is saved/)
  })
})
