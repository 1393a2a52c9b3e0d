import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createDataset, postJob, specFor } from './answers.js'
import { type Scene, startScene } from './scene.js'

let scene: Scene
let datasetId: string
beforeAll(async () => {
  scene = await startScene()
  datasetId = await createDataset(scene)
})
afterAll(() => scene?.close())

const FULL = () =>
  specFor(datasetId, {
    name: 'fuzz',
    optimizer: { kind: 'sgd', momentum: 0.9, schedule: { kind: 'cosine', beginStep: 1 } },
    clipping: { mode: 'global-norm', maxNorm: 1 },
    pruning: { schedule: { kind: 'polynomial', finalSparsity: 0.5, beginStep: 2, endStep: 10 }, include: ['*'] },
    metadata: { team: 'vision' },
    limits: { maxSeconds: 60 },
    exports: ['safetensors'],
  })
const awkward = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom<unknown>(
    null,
    -1,
    0,
    1e308,
    -0,
    2 ** 53,
    1.5,
    '',
    '\0',
    '\ud800',
    '__proto__',
    [],
    {},
    [[]],
    Number.MAX_VALUE,
  ),
)

/** Puts `value` in the place of one of the members of `spec`, at any depth. */
function mutate(spec: unknown, choices: readonly number[], value: unknown): unknown {
  if (typeof spec !== 'object' || spec === null || choices.length === 0) return value
  const names = Object.keys(spec)
  const [choice = 0, ...rest] = choices
  const name = names[choice % names.length]
  if (name === undefined) return value
  const members = Object.entries(spec).map(([key, member]) => [
    key,
    key === name ? mutate(member, rest, value) : member,
  ])
  return Array.isArray(spec) ? members.map(([, member]) => member) : Object.fromEntries(members)
}

/** Every answer is a plan, a job or a complete problem. */
async function expectAnswer(body: unknown): Promise<void> {
  const response = await postJob(scene, body)
  expect([202, 400, 422], `${JSON.stringify(body)} → ${response.body}`).toContain(response.statusCode)
  if (response.statusCode === 202) return
  const { code, errors } = response.json()
  expect(code).toMatch(/^(SPEC_INVALID|SPEC_OUT_OF_RANGE|JSON_MALFORMED)$/)
  if (code !== 'JSON_MALFORMED') expect(errors.length, response.body).toBeGreaterThan(0)
}

it('answers any JSON with a clear error, never with a fault of its own', () =>
  fc.assert(fc.asyncProperty(awkward, expectAnswer), { numRuns: 150 }))

it('answers a spec with anything in the place of any of its parts', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.nat(30), { minLength: 1, maxLength: 4 }), awkward, (choices, value) =>
      expectAnswer(mutate(FULL(), choices, value)),
    ),
    { numRuns: 400 },
  ))

it('answers any query', () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom('limit', 'cursor', 'status', 'name', 'createdAfter', 'x'),
      fc.string({ unit: 'binary' }),
      async (name, value) => {
        const query = `${name}=${encodeURIComponent(value.replace(/[\ud800-\udfff]/g, ''))}`
        const { auth: headers } = scene
        const response = await scene.app.inject({ method: 'GET', url: `/v1/training-jobs?${query}`, headers })
        expect([200, 400], query).toContain(response.statusCode)
      },
    ),
    { numRuns: 150 },
  ))
