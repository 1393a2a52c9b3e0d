import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from '../../src/contracts/parse.js'
import { PruningReport } from '../../src/contracts/pruning-report.js'
import { decodeSafetensors, type StoredTensors } from '../../src/formats/safetensors.js'
import { fileBytes } from '../../src/ml/export.js'
import type { TrainOptions } from '../../src/ml/training.js'
import { moonData, moonSpec, moons, type Recorded } from './fixtures.js'
import { finished } from './runs.js'

/** A job that prunes, and its report as the contract has it. */
async function pruned(fields: Record<string, unknown>, changes: Partial<TrainOptions> = {}) {
  const { result, recorded } = await finished({ spec: moonSpec(fields), ...changes })
  const parsed = parse(PruningReport, recorded.reports.findLast(({ kind }) => kind === 'pruning')?.body)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return { result, report: parsed.value, tensors: (name: string) => tensorsOf(recorded, name) }
}

function tensorsOf(recorded: Recorded, name: string): StoredTensors {
  return decodeSafetensors(recorded.artifacts.get(name) ?? new Uint8Array()).tensors
}

const adam = { kind: 'adam', learningRate: 0.01 }
/** Next to nothing is learnt after the mask update. */
const still = {
  ...adam,
  schedule: { kind: 'piecewise', pieces: [{ beginStep: 12, fraction: 1e-9 }] },
}
const quarter = {
  granularity: { kind: 'neuron' },
  schedule: { kind: 'one-shot', finalSparsity: 0.25, beginStep: 12 },
}
const fields = { epochs: undefined, steps: 13, optimizer: still, pruning: quarter }

describe('the report of half-moons whose two hidden layers lose 4 of 16 neurons', () => {
  const validation = { fraction: 0.2 }
  let job: Awaited<ReturnType<typeof pruned>>
  beforeAll(async () => {
    job = await pruned({ ...fields, validation })
  })

  it('counts the layers before and after', () => {
    const { report, result, tensors } = job
    const weights = tensors('weights.safetensors')
    const of = (layer: string) =>
      fileBytes(Object.fromEntries(Object.entries(weights).filter(([name]) => name.startsWith(layer))))
    // 2 · 12 + 12, 12 · 12 + 12 and 12 · 2 + 2 parameters are left; an example takes as many multiplications as there are weights.
    expect(report.layers).toEqual([
      {
        ...{ layer: 'dense-1', type: 'dense', sparsity: 0.25, units: { before: 16, after: 12 } },
        parameters: { dense: 48, nonZero: 36, compact: 36 },
        ...{ macs: { dense: 32, compact: 24 }, bytes: of('dense-1') },
      },
      {
        ...{ layer: 'dense-2', type: 'dense', sparsity: 0.25, units: { before: 16, after: 12 } },
        parameters: { dense: 272, nonZero: 156, compact: 156 },
        ...{ macs: { dense: 256, compact: 144 }, bytes: of('dense-2') },
      },
      {
        ...{ layer: 'output', type: 'dense', sparsity: null, units: { before: 2, after: 2 } },
        parameters: { dense: 34, nonZero: 26, compact: 26 },
        ...{ macs: { dense: 32, compact: 24 }, bytes: of('output') },
      },
    ])
    expect(report).toMatchObject({
      sparsity: 0.25,
      parameters: { dense: 354, nonZero: 218, compact: 218 },
      macs: { dense: 320, compact: 192 },
      pieces: { asked: 0.25, total: 32, removed: 8 },
    })
    expect(result.perLayerSparsity).toEqual([
      { layer: 'dense-1', weights: 32, removed: 8, sparsity: 0.25 },
      { layer: 'dense-2', weights: 256, removed: 64, sparsity: 0.25 },
    ])
    // By their index before: the columns that the masks have emptied.
    const masked = tensors('masked.safetensors')
    const emptied = (name: string) => {
      const { values, shape: [inputs = 0, units = 0] = [] } = masked[name] ?? { values: [] }
      const column = (unit: number) => Array.from({ length: inputs }, (_, input) => values[input * units + unit])
      return Array.from({ length: units }, (_, unit) => unit).filter((unit) => column(unit).every((w) => w === 0))
    }
    expect(report.compaction).toEqual({
      ...{ step: 12, folded: [], addedBiases: [], kept: [] },
      removedUnits: ['dense-1', 'dense-2'].map((layer) => ({ layer, units: emptied(`${layer}/kernel`) })),
    })
    expect(report.compaction?.removedUnits.map(({ units }) => units.length)).toEqual([4, 4])
  })

  it('compares with the dense network, in bytes and on the rows held out', async () => {
    const untouched = { validation, epochs: undefined, steps: 12, optimizer: adam }
    const dense = await finished({ spec: moonSpec(untouched) })
    const { report, result, tensors } = job
    expect(report.bytes).toEqual({
      dense: fileBytes(tensorsOf(dense.recorded, 'weights.safetensors')),
      masked: fileBytes(tensors('masked.safetensors')),
      delivered: fileBytes(tensors('weights.safetensors')),
    })
    expect(report.bytes.masked.raw).toBe(report.bytes.dense.raw)
    expect(report.bytes.masked.gzip).toBeLessThan(report.bytes.dense.gzip)
    expect(report.bytes.delivered.raw).toBeLessThan(report.bytes.masked.raw)

    expect(report.evaluatedOn).toBe('validation')
    expect(report.delivered).toEqual(result.validation)
    expect(result.validation).not.toEqual(result.test)
    const [round, ...others] = report.rounds
    expect(others).toEqual([])
    expect(round).toMatchObject({ step: 12, sparsity: 0.25, before: dense.result.validation })
    // What was measured just after the update is what is delivered.
    expect(round?.after?.loss).toBeCloseTo(result.validation?.loss ?? Number.NaN, 5)
    expect(Math.abs((round?.after?.loss ?? 0) - (round?.before?.loss ?? 0))).toBeGreaterThan(0.001)
    // The examples of the certificate are of the test split all the same.
    expect(report.certificate).toMatchObject({ split: 'test', rows: 20, holds: true })
  })

  it('is measured on the test split where nothing is held out', async () => {
    const { report, result } = await pruned(fields)
    expect(result.validation).toBeNull()
    expect(report.evaluatedOn).toBe('test')
    expect(report.delivered).toEqual(result.test)
    expect(report.rounds[0]?.after?.loss).toBeCloseTo(result.test?.loss ?? Number.NaN, 5)
  })
})

describe('the report of a wide network without rows to evaluate on', () => {
  it('lists the rounds without means, and tells how much faster the rebuilt network is', async () => {
    const model = {
      kind: 'layers',
      inputShape: [2],
      layers: [
        { type: 'dense', units: 800, activation: 'relu' },
        { type: 'dense', units: 800, activation: 'relu' },
        { type: 'dense', units: 2, activation: 'softmax' },
      ],
    }
    const schedule = { kind: 'iterative', finalSparsity: 0.9, rounds: 2, beginStep: 1, stepsPerRound: 1 }
    const { 'train.features': features, 'train.labels': labels } = moonData()
    if (!features || !labels) throw new Error('there are no moons')
    const { report } = await pruned(
      { model, epochs: undefined, steps: 4, pruning: { granularity: { kind: 'neuron' }, schedule } },
      { schema: { ...moons, testRows: 0 }, data: { 'train.features': features, 'train.labels': labels } },
    )
    expect(report).toMatchObject({ evaluatedOn: null, delivered: null })
    expect(report.rounds.map(({ step, before, after }) => ({ step, before, after }))).toEqual([
      { step: 1, before: null, after: null },
      { step: 2, before: null, after: null },
    ])
    expect(report.rounds[1]?.sparsity).toBeCloseTo(0.9, 2)
    expect(report.certificate).toMatchObject({ split: 'train', rows: 90 })
    // Of 643,200 multiplications an example 6,720 are left.
    expect(report.macs).toEqual({ dense: 643_200, compact: 80 * (2 + 80 + 2) })
    expect(report.latency?.map(({ batch }) => batch)).toEqual([1, 64])
    expect(report.latency?.[1]?.speedup.low).toBeGreaterThan(1)
  })
})
