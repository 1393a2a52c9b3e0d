import { expect, it } from 'vitest'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import { confusionArtifact } from '../../src/ml/confusion-artifact.js'
import { train } from '../../src/ml/train.js'
import { moonSpec, moons, optionsFor, recorder } from './fixtures.js'

const fileOf = (bytes: Uint8Array | undefined) => JSON.parse(new TextDecoder().decode(bytes))

async function confusionOf(fields: Record<string, unknown>) {
  const recorded = recorder()
  const outcome = await train(optionsFor(recorded, { spec: moonSpec(fields) }))
  if (outcome.kind !== 'succeeded') throw new Error(`stopped at ${outcome.step}`)
  const file = fileOf(recorded.artifacts.get('confusion-matrix.json'))
  return { file, result: outcome.result, report: fileOf(recorded.artifacts.get('report.json')) }
}

it('counts the rows of each class by what they were taken for, in every split', async () => {
  const { file, result, report } = await confusionOf({ validation: { folds: 9, fold: 0 }, epochs: 3 })
  expect(file).toMatchObject({ format: 'espalier-confusion-matrix', version: 1, classes: ['upper', 'lower'] })
  for (const [split, rows] of [
    ['validation', 10],
    ['test', 20],
  ] as const) {
    const counts: number[][] = file[split]
    expect(counts.flat().reduce((sum, count) => sum + count, 0)).toBe(rows)
    expect(((counts[0]?.[0] ?? 0) + (counts[1]?.[1] ?? 0)) / rows).toBe(result[split]?.accuracy)
  }
  // Classes take turns in the test rows.
  expect(file.test.map(([upper, lower]: [number, number]) => upper + lower)).toEqual([10, 10])
  expect(report.files.map(({ name }: { name: string }) => name)).toContain('confusion-matrix.json')
})

it('agrees with the accuracy where probabilities are rounded to equal ones', async () => {
  // Sigmoids of logits above 17 are all 1 in float32: which of them is the largest, only the logits tell.
  const model = {
    kind: 'layers',
    inputShape: [2],
    layers: [
      {
        type: 'dense',
        units: 2,
        kernelInitializer: { kind: 'normal', deviation: 1000 },
        useBias: false,
        name: 'output',
      },
    ],
  }
  const metrics = ['accuracy', 'balanced-accuracy']
  const optimizer = { kind: 'sgd', learningRate: 1e-6 }
  const { file, result } = await confusionOf({ model, metrics, optimizer, loss: 'binary-crossentropy', epochs: 1 })
  expect((file.test[0][0] + file.test[1][1]) / 20).toBe(result.test?.accuracy)
  // Ten rows of each class.
  expect(result.test?.['balanced-accuracy']).toBeCloseTo(result.test?.accuracy ?? Number.NaN, 12)
})

it('has null for a split without rows, and is not made of other labels', () => {
  const of = (confusion: number[][] | null) => ({ kind: 'done', means: {}, confusion }) as const
  const counts = [
    [1, 2],
    [3, 4],
  ]
  const artifact = confusionArtifact(moons, { validation: of(null), test: of(counts) })
  expect(fileOf(artifact?.bytes)).toMatchObject({ validation: null, test: counts })
  expect(confusionArtifact(moons, { validation: of(null), test: of(null) })).toBeNull()
  const numbers: DatasetSchema = { ...moons, target: { kind: 'number', size: 1 } }
  expect(confusionArtifact(numbers, { validation: of(null), test: of(null) })).toBeNull()
})
