import { createReadStream, readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import { parse } from '../../src/contracts/parse.js'
import type { TrainingPlan } from '../../src/contracts/training-job.js'
import { TrainingJobSpec } from '../../src/contracts/training-job-spec.js'
import { readTable } from '../../src/datasets/csv.js'
import { tableToDataset } from '../../src/datasets/table-dataset.js'
import { planTrainingJob } from '../../src/planning/plan.js'
import { mnist } from '../planning/fixtures.js'

/** The target that the README names. */
async function houses(): Promise<DatasetSchema> {
  const table = await readTable(createReadStream('examples/two-layer.csv'))
  return tableToDataset(table, { name: 'two-layer', fileName: 'two-layer.csv', target: 'price' }).schema
}

const EXAMPLES: Readonly<Record<string, { schema(): Promise<DatasetSchema>; plan: Partial<TrainingPlan> }>> = {
  // 60,000 rows in batches of 100, 10 epochs; 784·300 + 300 + 300·100 + 100 + 100·10 + 10 weights
  'mnist-lenet-300-100.json': { schema: async () => mnist, plan: { steps: 6000, parameters: 266_610 } },
  // 3·10 + 10 + 10·1 + 1 weights
  'two-layer.json': { schema: houses, plan: { parameters: 51, testRows: 0 } },
}

it('has an expectation for every spec in examples', () => {
  const specs = readdirSync('examples').filter((name) => name.endsWith('.json'))
  expect(specs.toSorted()).toEqual(Object.keys(EXAMPLES).toSorted())
})

it.each(Object.entries(EXAMPLES))('%s is a valid job on its dataset', async (name, { schema, plan }) => {
  const parsed = parse(TrainingJobSpec, JSON.parse(readFileSync(`examples/${name}`, 'utf8')))
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  expect(planTrainingJob(parsed.value, await schema())).toMatchObject(plan)
})
