import { describe, expect, it } from 'vitest'
import { publishedTable, verdictOf } from '../../examples/published/figures.js'
import { rowFigures, runRow, type Trial } from '../../examples/published/rows.js'
import { type Row, specOf, TABLES } from '../../examples/published/tables.js'
import { withService } from '../../examples/service.js'
import { parse } from '../../src/contracts/parse.js'
import { TrainingJobSpec } from '../../src/contracts/training-job-spec.js'
import { loadBuiltin } from '../../src/datasets/builtin.js'
import { planTrainingJob } from '../../src/planning/plan.js'

const datasetId = 'ds_00000000-0000-7000-8000-000000000000'
const rows = Object.values(TABLES).flatMap((table) => table.rows.map((row) => ({ table, row, model: table.model })))

describe('the specs', () => {
  it.each(rows)('of $model, $row.name, are valid and train what the row says', async ({ table, row }) => {
    const { schema } = await loadBuiltin({ name: 'mnist' })
    const parsed = parse(TrainingJobSpec, specOf(table, row, { seed: 3, datasetId }))
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
    const plan = planTrainingJob(parsed.value, schema)
    // All 60,000 images train, in batches of 100: nothing is held out, nothing is chosen.
    expect(plan).toMatchObject({ steps: 600 * row.epochs, stepsPerEpoch: 600, validationRows: 0, testRows: 10_000 })
    const { pruning } = plan.spec
    const sparsity = row.sparsity ?? row.units
    if (sparsity === undefined) expect(pruning).toBeUndefined()
    else expect(pruning?.schedule).toMatchObject({ finalSparsity: sparsity })
    expect(pruning?.granularity.kind).toBe(row.units ? 'unit' : pruning && 'element')
  })

  it('prune between a dense phase and fine-tuning, during which the learning rate falls', () => {
    const table = TABLES['lenet-300-100']
    const row = table.rows.find(({ sparsity }) => sparsity === 0.985) as Row // a row of the table
    const { optimizer, pruning } = specOf(table, row, { seed: 0, datasetId })
    expect(pruning?.schedule).toMatchObject({ beginStep: 1800, endStep: 13_200 })
    expect(optimizer.schedule).toEqual({ kind: 'cosine', beginStep: 13_200 })
  })
})

const row: Row = { name: 'most removed', sparsity: 0.9, published: 'x 2.0', bound: 2, epochs: 1 }
const trial = (error: number): Trial => ({ seed: 0, error, sparsity: 0.9, clippedStepShare: 0, report: null })

describe('the figures of a row', () => {
  it('are mean and sample deviation, and hold up to the bound', () => {
    expect(rowFigures(row, [trial(1), trial(2), trial(3)])).toMatchObject({ mean: 2, deviation: 1, holds: true })
    expect(rowFigures(row, [trial(1), trial(3.1)]).holds).toBe(false)
    expect(rowFigures(row, [trial(2)]).deviation).toBe(0)
    expect(rowFigures({ ...row, bound: null }, [trial(9)]).holds).toBeNull()
  })

  it('are judged by the rows that have a bound', () => {
    const of = (...holds: (boolean | null)[]) => verdictOf(holds.map((each) => ({ holds: each })))
    expect([of(true, null), of(true, false), of(null), of()]).toEqual([
      'All bounds hold.',
      'NOT all bounds hold.',
      ...['None of these rows has a bound.', 'None of these rows has a bound.'],
    ])
  })

  it('stand beside what others have published', () => {
    const figures = [
      rowFigures(row, [trial(2.5), trial(3.5)]),
      rowFigures({ ...row, name: 'goal', bound: null, goal: 2 }, [trial(1.5)]),
    ]
    const lines = publishedTable(TABLES['lenet-5'], figures).split('\n')
    expect(lines.slice(2).map((line) => line.split(/ {2,}/).slice(0, 5))).toEqual([
      ['most removed', 'x 2.0', '≤ 2', '3.00 ± 0.71', 'NO'],
      ['goal', 'x 2.0', 'goal 2', '1.50 ± 0.00', 'goal met'],
    ])
  })
})

it('runs a row through a service of its own: the sparsity is exact, the report says what is left', async () => {
  const table = TABLES['lenet-300-100']
  // One epoch of the dense phase would end before the pruning begins: the shortest row has three.
  const short: Row = { ...row, epochs: 6 }
  const [first] = await withService({ trainers: 1 }, async (client) => {
    const { id } = await client.useBuiltinDataset('mnist')
    return runRow(client, table, short, { seeds: [1], datasetId: id })
  })
  expect(first?.sparsity).toBeCloseTo(0.9, 5)
  expect(first?.report?.parameters.nonZero).toBeLessThan(0.1 * 266_200 + 411)
  expect(first?.error).toBeLessThan(3)
})
