import { afterAll, expect, it } from 'vitest'
import { makeEspalierRunners } from '../../bench/espalier.js'
import { type BenchModel, MODELS } from '../../bench/models.js'

const { compiled, eager } = makeEspalierRunners()
afterAll(() => {
  compiled.close()
  eager.close()
})

// Of the kinds of data one model each: images with classes, ids with tokens.
it.each(['mlp', 'char-rnn'])('times the step of a job, compiled and operation by operation: %s', async (key) => {
  const model = MODELS[key] as BenchModel // the keys above are among those of MODELS
  const short = { ...model, dataset: { ...model.dataset, trainRows: 256 }, steps: 2, eagerSteps: 1 }
  expect(await compiled.measure(short)).toBeGreaterThan(0)
  expect(await eager.measure(short)).toBeGreaterThan(0)
})
