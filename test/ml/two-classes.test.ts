import { describe, expect, it } from 'vitest'
import { decodeSafetensors } from '../../src/formats/safetensors.js'
import { train } from '../../src/ml/train.js'
import { moonData, moonSpec, optionsFor, type Recorded, recorder } from './fixtures.js'

const endingIn = (activation: string, units = 1) => ({
  kind: 'layers',
  inputShape: [2],
  layers: [
    { type: 'dense', units: 16, activation: 'tanh' },
    { type: 'dense', units: 16, activation: 'relu' },
    { type: 'dense', units, activation, name: 'output' },
  ],
})
const METRICS = ['accuracy', 'balanced-accuracy', 'matthews', 'precision-macro', 'f1-weighted', 'auc']
const PROBABILITIES = ['log-loss', 'brier', 'average-precision']

async function finished(fields: Record<string, unknown>, recorded: Recorded = recorder()) {
  const spec = moonSpec({ metrics: METRICS, validation: { fraction: 0.2 }, epochs: 30, ...fields })
  const outcome = await train(optionsFor(recorded, { spec }))
  if (outcome.kind !== 'succeeded') throw new Error(`stopped at ${outcome.step}`)
  return { result: outcome.result, recorded }
}
const json = ({ artifacts }: Recorded, name: string) =>
  JSON.parse(new TextDecoder().decode(artifacts.get(name) ?? new Uint8Array()))

describe('a single output for two classes', () => {
  it.each([
    ['sigmoid under binary-crossentropy', 'sigmoid', 'binary-crossentropy', PROBABILITIES],
    ['logits under binary-crossentropy', 'linear', 'binary-crossentropy', PROBABILITIES],
    ['scores under hinge', 'linear', 'hinge', ['average-precision']],
    ['scores under squared-hinge', 'tanh', 'squared-hinge', ['average-precision']],
  ])('of %s learns, is measured as two are, and is decided by its sign', async (_, activation, loss, more) => {
    const { result, recorded } = await finished({ model: endingIn(activation), loss, metrics: [...METRICS, ...more] })
    expect(result.test?.accuracy).toBeGreaterThanOrEqual(0.9)
    expect(result.test?.auc).toBeGreaterThan(0.95)
    expect(Object.keys(result.test ?? {}).sort()).toEqual(['loss', ...METRICS, ...more].sort())
    expect(recorded.series('validation.accuracy').size).toBe(30)

    const { test } = json(recorded, 'confusion-matrix.json')
    // 20 test rows, of the two classes in turn.
    expect(test.map((row: number[]) => row.reduce((sum, count) => sum + count, 0))).toEqual([10, 10])
    expect((test[0][0] + test[1][1]) / 20).toBe(result.test?.accuracy)
  })

  it('learns from the same weights whether it ends in sigmoid or in logits: the loss takes logits', async () => {
    const [sigmoid, linear] = await Promise.all(
      ['sigmoid', 'linear'].map((activation) =>
        finished({ model: endingIn(activation), loss: 'binary-crossentropy', epochs: 3 }),
      ),
    )
    expect(sigmoid?.result.weightsSha256).toBe(linear?.result.weightsSha256)
  })

  it('can be weighted by class: the one without weight is never taken', async () => {
    const fields = { model: endingIn('sigmoid'), loss: 'binary-crossentropy', classWeights: [0, 1] }
    const { recorded } = await finished(fields)
    expect(json(recorded, 'confusion-matrix.json').test).toEqual([
      [0, 10],
      [0, 10],
    ])
  })

  it('gives predictions that whoever has only the files can make again', async () => {
    const { result, recorded } = await finished({ model: endingIn('sigmoid'), loss: 'binary-crossentropy' })
    const report = json(recorded, 'report.json')
    expect(report.output).toBe('a logit: sigmoid gives the probability of the second of dataset.target.names')
    const { mean, deviation } = report.preprocessing.normalization
    const { tensors } = decodeSafetensors(recorded.artifacts.get('weights.safetensors') ?? new Uint8Array())
    const dense = (layer: string, x: number[]) => {
      const kernel = tensors[`${layer}/kernel`]?.values ?? []
      const bias = [...(tensors[`${layer}/bias`]?.values ?? [])]
      return bias.map((b, unit) => x.reduce((sum, value, i) => sum + value * Number(kernel[i * bias.length + unit]), b))
    }
    const { 'test.features': features, 'test.labels': labels } = moonData()
    const right = [...(labels?.values ?? [])].filter((label, row) => {
      const raw = [0, 1].map((column) => Number(features?.values[2 * row + column]))
      const x = raw.map((value, column) => (value - mean[column]) / deviation[column])
      const hidden = dense('dense-2', dense('dense-1', x).map(Math.tanh)).map((value) => Math.max(0, value))
      const probability = 1 / (1 + Math.exp(-(dense('output', hidden)[0] ?? Number.NaN)))
      return label === (probability > 0.5 ? 1 : 0)
    })
    expect(right.length / 20).toBe(result.test?.accuracy)
  })
})
