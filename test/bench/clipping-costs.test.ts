import { afterAll, expect, it } from 'vitest'
import { CLIPPINGS, type ClippedSteps, openClipped } from '../../bench/clipping.js'
import { measureCosts } from '../../bench/clipping-costs.js'
import { type BenchModel, MODELS } from '../../bench/models.js'
import type { ClippingModeName } from '../../src/contracts/clipping-modes.js'

const model = MODELS.mlp as BenchModel // the key is among those of MODELS
const open: ClippedSteps[] = []
afterAll(() => {
  for (const steps of open) steps.close()
})

it.each(Object.keys(CLIPPINGS) as ClippingModeName[])(
  'runs the steps of a job with %s, with and without its ledger',
  (mode) => {
    const steps = openClipped(model, mode, 'never')
    open.push(steps)
    for (const step of [0, 1]) {
      steps.bare(step)
      steps.kept(step)
    }
  },
)

it('tells what clipping and its ledger cost as a share of the unclipped step', () => {
  const { unclipped, control, modes } = measureCosts(model, { modes: ['none', 'value'], xla: false, rounds: 3 })
  expect(unclipped.wall.min).toBeGreaterThan(0)
  expect(modes.map(({ mode }) => mode)).toEqual(['none', 'value'])
  const shares = [control, ...modes.flatMap(({ clipping, ledger }) => [clipping, ledger])]
  for (const { wall, cpu } of shares)
    for (const share of [wall.median, wall.ofMinima, cpu.median, cpu.ofMinima]) expect(share).toBeGreaterThan(-1)
})
