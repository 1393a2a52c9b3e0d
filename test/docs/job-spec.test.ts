import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { JobEvent } from '../../src/contracts/event.js'
import { parse } from '../../src/contracts/parse.js'
import { TrainingJobSpec } from '../../src/contracts/training-job-spec.js'
import { planTrainingJob } from '../../src/planning/plan.js'
import { mnist } from '../planning/fixtures.js'

const PAGE = readFileSync(new URL('../../docs/job-spec.md', import.meta.url), 'utf8')
const FIRST_CELLS = PAGE.split('\n').flatMap((line) => (line.startsWith('| `') ? [line.split(' | ', 1)[0] ?? ''] : []))

/** Fields that a row explains as a whole. */
const EXPLAINED = ['earlyStopping', 'sampling', 'best', 'granularity']

/** Fields of the spec, those of plain objects by their place: `checkpoints.keep`. */
function fieldsOf(schema: object): string[] {
  const properties: object =
    'properties' in schema && typeof schema.properties === 'object' ? (schema.properties ?? {}) : {}
  return Object.entries(properties).flatMap(([name, property]) => {
    const nested = EXPLAINED.includes(name) ? [] : fieldsOf(property)
    return nested.length === 0 ? [name] : nested.map((field) => `${name}.${field}`)
  })
}

describe('docs/job-spec.md', () => {
  it.each(fieldsOf(TrainingJobSpec))('has a row for %s', (field) => {
    expect(FIRST_CELLS.some((cell) => cell.includes(`\`${field}\``))).toBe(true)
  })

  it.each(JobEvent.properties.type.enum)('has a row for the event %s', (type) => {
    expect(FIRST_CELLS.some((cell) => cell.includes(`\`${type}\``))).toBe(true)
  })

  it('has an example that is a valid job on MNIST', () => {
    const [, example = ''] = /```json\n(.*?)```/s.exec(PAGE) ?? []
    const parsed = parse(TrainingJobSpec, JSON.parse(example))
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
    // 54,000 rows in batches of 128: 422 an epoch, the last one smaller.
    expect(planTrainingJob(parsed.value, mnist)).toMatchObject({
      stepsPerEpoch: 422,
      steps: 8440,
      validationRows: 6000,
    })
  })
})
