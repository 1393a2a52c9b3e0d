import { expect, it } from 'vitest'
import { denseSpec, prunedSpec } from '../../src/cli/demo-specs.js'
import { parse } from '../../src/contracts/parse.js'
import { TrainingJobSpec } from '../../src/contracts/training-job-spec.js'
import { planTrainingJob } from '../../src/planning/plan.js'
import { mnist } from '../planning/fixtures.js'

const DATASET_ID = 'ds_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69'

it.each([60_000, 6_050])('the jobs of the demo fit a dataset of %i rows', (trainRows) => {
  const options = { datasetId: DATASET_ID, trainRows, seed: 7 }
  const plans = [denseSpec(options), prunedSpec(options)].map((spec) => {
    const parsed = parse(TrainingJobSpec, spec)
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
    return planTrainingJob(parsed.value, { ...mnist, trainRows })
  })
  const [dense, pruned] = plans
  const perEpoch = dense?.stepsPerEpoch ?? 0
  expect(perEpoch).toBe(Math.ceil(trainRows / 100))
  // Two epochs dense, five of pruning, three of fine-tuning, in which the learning rate falls.
  expect(dense?.spec.optimizer.schedule).toMatchObject({ beginStep: 7 * perEpoch })
  expect(pruned?.spec.pruning?.schedule).toMatchObject({ beginStep: 2 * perEpoch, endStep: 7 * perEpoch })
  expect(pruned?.steps).toBe(10 * perEpoch)
})
