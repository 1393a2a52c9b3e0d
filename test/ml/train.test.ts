import { describe, expect, it } from 'vitest'
import type { TrainingJobSpec } from '../../src/contracts/training-job-spec.js'
import { decodeSafetensors } from '../../src/formats/safetensors.js'
import { decodeSparse } from '../../src/formats/sparse.js'
import { decodeCheckpoint, encodeCheckpoint } from '../../src/ml/checkpoint.js'
import { sha256 } from '../../src/ml/export.js'
import { train } from '../../src/ml/train.js'
import { moonSpec, optionsFor, type Recorded, recorder } from './fixtures.js'

const pruning = {
  scope: 'global',
  exclude: ['output'],
  schedule: { kind: 'polynomial', finalSparsity: 0.7, beginStep: 10, endStep: 40, frequency: 7 },
}

async function finished(recorded: Recorded, changes: Parameters<typeof optionsFor>[1] = {}) {
  const outcome = await train(optionsFor(recorded, changes))
  if (outcome.kind !== 'succeeded') throw new Error(`stopped at ${outcome.step}`)
  return outcome.result
}

describe('training', () => {
  it('learns: the loss falls and the test accuracy is high', async () => {
    const recorded = recorder()
    const result = await finished(recorded, { spec: moonSpec({ validation: { fraction: 0.2 }, epochs: 30 }) })
    const losses = [...recorded.series('loss').values()]
    expect(losses.length).toBe(result.steps)
    expect(result.train.loss).toBeLessThan((losses[0] ?? 0) / 2)
    expect(result.test?.accuracy).toBeGreaterThanOrEqual(0.9)
    // 72 rows in batches of 20: 4 steps an epoch
    expect([...recorded.series('validation.loss').keys()]).toEqual(
      Array.from({ length: 30 }, (_, epoch) => 4 * epoch + 3),
    )
    expect(recorded.series('validation.accuracy').get(119)).toBe(result.validation?.accuracy)
    expect(recorded.progress.at(-1)).toMatchObject({ step: 120, steps: 120, epoch: 29, etaSeconds: 0 })
  })

  it('records every series at every step, the partial batch included', async () => {
    const recorded = recorder()
    const result = await finished(recorded)
    const steps = Array.from({ length: 60 }, (_, step) => step)
    for (const name of ['loss', 'accuracy', 'learningRate', 'gradientNorm', 'clipScale', 'clipped', 'sparsity'])
      expect([...recorded.series(name).keys()], name).toEqual(steps)
    const clipped = [...recorded.series('clipped').values()]
    expect(result.clippedStepShare).toBe(clipped.filter((value) => value === 1).length / 60)
    // Every fifth batch has 10 rows: its accuracy is a multiple of 1/10.
    expect(((recorded.series('accuracy').get(4) ?? 0.123) * 10) % 1).toBe(0)
    const last = steps.slice(-5)
    const mean =
      last.reduce((sum, step) => sum + (recorded.series('loss').get(step) ?? 0) * (step % 5 === 4 ? 10 : 20), 0) / 90
    expect(result.train.loss).toBeCloseTo(mean, 12)
  })

  it('cycles through epochs when given steps, and trains a batch of all the data', async () => {
    const recorded = recorder()
    const result = await finished(recorded, { spec: moonSpec({ epochs: undefined, steps: 7, batchSize: 90 }) })
    expect(result).toMatchObject({ steps: 7, epochs: 7 })
    expect([...recorded.series('loss').keys()].length).toBe(7)
  })

  it('gives the same bits for the same seed and others for another', async () => {
    const first = await finished(recorder())
    const second = await finished(recorder())
    const other = await finished(recorder(), { spec: moonSpec({ seed: 4 }) })
    expect(second.weightsSha256).toBe(first.weightsSha256)
    expect(other.weightsSha256).not.toBe(first.weightsSha256)
  })
})

describe('pruning', () => {
  const spec = moonSpec({ pruning, exports: ['safetensors', 'sparse'] })

  it('ends with the exact count, in weights and in the report', async () => {
    const recorded = recorder()
    const result = await finished(recorded, { spec })
    // 2 · 16 + 16 · 16 = 288 weights; round(0.7 · 288) = 202
    expect(result.perLayerSparsity.map(({ layer, weights }) => [layer, weights])).toEqual([
      ['dense-1', 32],
      ['dense-2', 256],
    ])
    expect(result.perLayerSparsity.reduce((sum, { removed }) => sum + removed, 0)).toBe(202)
    expect(result.sparsity).toBe(202 / 288)

    const file = recorded.artifacts.get('weights.safetensors') ?? new Uint8Array()
    const { tensors } = decodeSafetensors(file)
    for (const { layer, removed } of result.perLayerSparsity) {
      const zeros = [...(tensors[`${layer}/kernel`]?.values ?? [])].filter((value) => Object.is(value, 0))
      expect(zeros.length).toBe(removed)
    }
    expect(decodeSparse(recorded.artifacts.get('weights.sparse') ?? new Uint8Array())).toEqual(tensors)
    expect(result.weightsSha256).toBe(sha256(file))
    expect(result.bytes.dense).toBe(file.byteLength)
    expect(result.bytes.sparse).toBe(recorded.artifacts.get('weights.sparse')?.byteLength)

    const report = JSON.parse(new TextDecoder().decode(recorded.artifacts.get('report.json')))
    expect(report.result).toEqual(result)
    expect(report.files[0]).toEqual({ name: 'weights.safetensors', bytes: file.byteLength, sha256: sha256(file) })
  })

  it('follows the schedule and never goes back', async () => {
    const recorded = recorder()
    await finished(recorded, { spec })
    const updates = recorded.events.filter(({ type }) => type === 'pruning.updated')
    expect(updates.map(({ data }) => data.step)).toEqual([10, 17, 24, 31, 38, 40])
    const sparsity = [...recorded.series('sparsity').values()]
    expect(sparsity.slice(0, 10).every((value) => value === 0)).toBe(true)
    expect(sparsity.every((value, step) => value >= (sparsity[step - 1] ?? 0))).toBe(true)
  })

  it('masks the momentum of removed weights', async () => {
    const recorded = recorder()
    await finished(recorded, { spec: { ...spec, checkpoints: { everySteps: 50, keep: 1 } } })
    const state = decodeSafetensors(recorded.checkpoints.get(50) ?? new Uint8Array()).tensors
    const mask = state['dense-2/kernel/mask']?.values ?? []
    const momentum = state['dense-2/kernel/momentum']?.values ?? []
    const removed = [...mask].flatMap((bit, index) => (bit === 0 ? [index] : []))
    expect(removed.length).toBeGreaterThan(0)
    expect(removed.every((index) => momentum[index] === 0)).toBe(true)
    expect([...momentum].filter((value) => value !== 0).length).toBeGreaterThan(0)
  })
})

describe('a run that stops', () => {
  const spec: TrainingJobSpec = moonSpec({
    pruning,
    validation: { fraction: 0.1 },
    optimizer: { kind: 'adam', learningRate: 0.01, schedule: { kind: 'cosine', beginStep: 20 } },
    checkpoints: { everySteps: 8 },
  })

  it.each([
    ['at a checkpoint', 24],
    ['right before a mask update', 31],
    ['in mid-epoch', 13],
  ])('%s and is resumed equals one that did not', async (_, stopAt) => {
    const whole = recorder()
    const expected = await finished(whole, { spec })

    const before = recorder()
    const stopping = new AbortController()
    const { report } = before
    let seen = 0
    const outcome = await train(
      optionsFor(before, {
        spec: { ...spec, checkpoints: { everySteps: stopAt, keep: 1 } },
        signal: stopping.signal,
        report: {
          ...report,
          checkpoint: async (step, bytes) => {
            await report.checkpoint(step, bytes)
            if (++seen === 1) stopping.abort('shutdown')
          },
        },
      }),
    )
    // Saved before step `stopAt` and seen before the next one.
    expect(outcome).toEqual({ kind: 'stopped', step: stopAt + 1 })
    expect([...before.checkpoints.keys()]).toEqual([stopAt, stopAt + 1])

    const after = recorder()
    const checkpoint = before.checkpoints.get(stopAt) ?? new Uint8Array()
    const actual = await finished(after, { spec, resume: { step: stopAt, checkpoint } })
    expect({ ...actual, msPerStep: 0 }).toEqual({ ...expected, msPerStep: 0 })
    const tail = (recorded: Recorded, name: string) => [...recorded.series(name)].filter(([step]) => step >= stopAt)
    for (const name of ['loss', 'gradientNorm', 'sparsity', 'validation.loss'])
      expect(tail(after, name), name).toEqual(tail(whole, name))
    expect([...after.series('loss').keys()][0]).toBe(stopAt)
  })

  it('never hands out a series that reaches over a checkpoint', async () => {
    const recorded = recorder()
    await finished(recorded, { spec })
    let next = 0
    for (const entry of recorded.log) {
      if (entry.kind === 'checkpoint') expect(entry.step).toBe(next)
      else next = 1 + Math.max(...entry.series.flatMap(({ steps }) => steps))
    }
    expect([...recorded.checkpoints.keys()]).toEqual([8, 16, 24, 32, 40, 48, 56, 60])
  })

  it.each(['cancel', 'lost-lease'])('by %s leaves no checkpoint', async (reason) => {
    const recorded = recorder()
    const outcome = await train(optionsFor(recorded, { signal: AbortSignal.abort(reason) }))
    expect(outcome).toEqual({ kind: 'stopped', step: 0 })
    expect(recorded.checkpoints.size).toBe(0)
    expect(recorded.artifacts.size).toBe(0)
  })

  it('is refused a checkpoint of another step or job', async () => {
    const recorded = recorder()
    await finished(recorded, { spec })
    const checkpoint = recorded.checkpoints.get(16) ?? new Uint8Array()
    await expect(train(optionsFor(recorder(), { spec, resume: { step: 17, checkpoint } }))).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
    })
    await expect(train(optionsFor(recorder(), { resume: { step: 16, checkpoint } }))).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
    })
  })

  it('says so when it is resumed under other pins', async () => {
    const first = recorder()
    await finished(first, { spec })
    const bytes = first.checkpoints.get(16) ?? new Uint8Array()
    const checkpoint = decodeCheckpoint(bytes, () => decodeSafetensors(bytes).tensors)
    const before = { ...checkpoint.pins, intraOpThreads: 99 }
    const resumed = recorder()
    await finished(resumed, {
      spec,
      resume: { step: 16, checkpoint: encodeCheckpoint({ ...checkpoint, pins: before }) },
    })
    expect(resumed.events).toContainEqual({
      type: 'training.pins-changed',
      data: { before, now: resumed.started[0]?.pins },
    })
  })

  it('holds only what training changes in a checkpoint', async () => {
    const recorded = recorder()
    await finished(recorded, { spec: moonSpec({ checkpoints: { everySteps: 8 } }) })
    const state = decodeSafetensors(recorded.checkpoints.get(8) ?? new Uint8Array()).tensors
    expect(Object.keys(state).sort()).toEqual(
      ['dense-1', 'dense-2', 'output'].flatMap((layer) =>
        ['bias', 'bias/momentum', 'kernel', 'kernel/momentum'].map((part) => `${layer}/${part}`),
      ),
    )
    expect(() => decodeCheckpoint(recorded.checkpoints.get(8) ?? new Uint8Array(), () => state)).not.toThrow()
  })
})

describe('a gradient that is not finite', () => {
  it('fails the job and names step, layer and rows', async () => {
    const recorded = recorder()
    // Unclipped at this rate the weights explode within a few steps.
    const spec = moonSpec({
      clipping: { mode: 'none' },
      optimizer: { kind: 'sgd', learningRate: 1000 },
      model: {
        kind: 'layers',
        inputShape: [2],
        layers: [
          ...Array(6).fill({ type: 'dense', units: 8, activation: 'relu', kernelInitializer: 'he-normal' }),
          { type: 'dense', units: 2, name: 'output' },
        ],
      },
    })
    const failure = await train(optionsFor(recorded, { spec })).then(
      () => null,
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({ name: 'TrainingFailure', code: 'NON_FINITE_GRADIENT', step: expect.any(Number) })
    expect(String(failure)).toMatch(/step \d+: .*(dense-\d|output).*rows of the batch: \d+, \d+/)
  })
})
