import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { form, problemOf, uploadCsv } from './answers.js'
import { BAD_SPECS, DATASETS, type DatasetName, dense, type Fields, layers } from './bad-specs.js'
import { type Scene, startScene } from './scene.js'

let scene: Scene
const ids: Partial<Record<DatasetName, string>> = {}
beforeAll(async () => {
  scene = await startScene()
  for (const [name, made] of Object.entries(DATASETS)) {
    const response =
      'csv' in made
        ? await uploadCsv(scene, made.csv, 'fields' in made ? made.fields : {})
        : 'text' in made
          ? await uploadText(made.text)
          : await createSequences(made.rows)
    expect(response.statusCode, response.body).toBe(202)
    ids[name as DatasetName] = response.json().id
  }
})
afterAll(() => scene?.close())

const inject = (url: string, headers: Record<string, string>, payload: Buffer | string) =>
  scene.app.inject({ method: 'POST', url, headers: { ...scene.auth, ...headers }, payload })

function uploadText(text: string) {
  const { payload, headers } = form([
    { name: 'sequenceLength', value: '10' },
    { name: 'file', value: text, fileName: 'whale.txt' },
  ])
  return inject('/v1/datasets', headers, payload)
}

function createSequences(rows: number) {
  const source = { kind: 'builtin', name: 'temporal-order', rows, testRows: 0, length: 10 }
  return inject('/v1/datasets', { 'content-type': 'application/json' }, JSON.stringify({ source }))
}

/** A small spec that fits the dataset, with the change that is to be refused. */
const specFor = (dataset: DatasetName, change: Fields = {}) => ({
  datasetId: ids[dataset],
  steps: 20,
  batchSize: 8,
  ...DATASETS[dataset].base,
  ...change,
})

async function expectRefusal(body: string, pointer: string, says: string) {
  const response = await inject('/v1/training-jobs', { 'content-type': 'application/json' }, body)
  const { code } = response.json()
  expect(code).toMatch(/^SPEC_(INVALID|OUT_OF_RANGE)$/)
  const { errors } = problemOf(response, 422, code)
  const found = (errors ?? []).filter((error) => error.pointer === pointer).map(({ detail }) => detail)
  expect(found.join('\n'), response.body).toContain(says)
  expect(await scene.database.prisma.trainingJob.count()).toBe(0)
}

it('the specs that the changes are made to can be planned', async () => {
  for (const dataset of Object.keys(DATASETS)) {
    const spec = specFor(dataset as DatasetName)
    const json = { 'content-type': 'application/json' }
    const { statusCode, body } = await inject('/v1/training-jobs?validateOnly=true', json, JSON.stringify(spec))
    expect(statusCode, body).toBe(200)
  }
})

describe.each(Object.entries(BAD_SPECS))('a training job is refused for its %s:', (_, cases) => {
  it.each(cases)('%s', (_, dataset, change, pointer, says) =>
    expectRefusal(JSON.stringify(specFor(dataset, change)), pointer, says),
  )
})

describe('a Keras topology is refused', () => {
  const input = { class_name: 'InputLayer', config: { batch_shape: [null, 2], name: 'in' } }
  const sequential = (...added: unknown[]) => ({ class_name: 'Sequential', config: { layers: [input, ...added] } })
  const AT = '/model/topology/config'
  it.each<[string, unknown, string, string]>([
    [
      'for code',
      sequential({ class_name: 'Lambda', config: { function: 'os.system' } }),
      `${AT}/layers/1/class_name`,
      'holds code, which is never run here',
    ],
    [
      'for a class that nobody knows',
      sequential({ class_name: 'Foo', config: {} }),
      `${AT}/layers/1/class_name`,
      '"Foo" is not supported; there are: Dense',
    ],
    [
      'for a class of its own',
      sequential({ class_name: 'Dense', registered_name: 'my>Dense', config: { units: 3 } }),
      `${AT}/layers/1/registered_name`,
      'a class of your own',
    ],
    [
      'for units in text',
      sequential({ class_name: 'Dense', config: { units: '3' } }),
      `${AT}/layers/1/config/units`,
      'must be a whole number, is "3"',
    ],
    [
      'for the wrong output',
      sequential({ class_name: 'Dense', config: { units: 4, name: 'out' } }),
      `${AT}/layers/1`,
      "layer 'out' gives [4]",
    ],
    ['for no layers', sequential(), `${AT}/layers/0`, 'no layer follows the input'],
    ['as text', JSON.stringify(sequential()), '/model/topology', 'must be an object'],
    [
      'for a key of JavaScript',
      { class_name: 'Sequential', config: { constructor: {} } },
      `${AT}/constructor`,
      "no field may be called 'constructor'",
    ],
  ])('%s', (_, topology, pointer, says) =>
    expectRefusal(JSON.stringify(specFor('classes', { model: { kind: 'keras', topology } })), pointer, says),
  )
})

describe('the code says whether numbers alone are at fault', () => {
  const clip = (maxNorm: unknown) => ({ clipping: { mode: 'norm', maxNorm } })
  const units = (units: unknown) => ({ class_name: 'Dense', config: { units, name: 'output' } })
  const keras = (layer: Fields) => {
    const input = { class_name: 'InputLayer', config: { batch_shape: [null, 2], name: 'in' } }
    return { model: { kind: 'keras', topology: { class_name: 'Sequential', config: { layers: [input, layer] } } } }
  }
  it.each<[string, Fields, 'SPEC_OUT_OF_RANGE' | 'SPEC_INVALID']>([
    ['a number beyond the range of its field', clip(-1), 'SPEC_OUT_OF_RANGE'],
    ['a number beyond what the data allow', { batchSize: 1000 }, 'SPEC_OUT_OF_RANGE'],
    ['numbers of both kinds, of which the fields come first', { ...clip(-1), batchSize: 1000 }, 'SPEC_OUT_OF_RANGE'],
    ['a number in a list', { classWeights: [1, 1, -1] }, 'SPEC_OUT_OF_RANGE'],
    ['a number of a layer', layers([2], dense(0)), 'SPEC_OUT_OF_RANGE'],
    ['a number in a topology', keras(units(0)), 'SPEC_OUT_OF_RANGE'],
    ['a number and a name', { ...clip(-1), loss: 'mse' }, 'SPEC_INVALID'],
    ['a number and an unknown field', { ...clip(-1), bathSize: 1 }, 'SPEC_INVALID'],
    ['a number that is no whole one', { steps: 1.5 }, 'SPEC_INVALID'],
    ['a number as text', clip('1'), 'SPEC_INVALID'],
    ['a list that is too long', { metadata: { a: 'b'.repeat(100_000) } }, 'SPEC_INVALID'],
    ['a size that does not fit', layers([2], dense(4)), 'SPEC_INVALID'],
  ])('%s', async (_, change, code) => {
    const json = { 'content-type': 'application/json' }
    problemOf(await inject('/v1/training-jobs', json, JSON.stringify(specFor('classes', change))), 422, code)
  })

  it('and takes 1e999 for a number that is too large', async () => {
    const body = `${JSON.stringify(specFor('classes')).slice(0, -1)},"clipping":{"mode":"norm","maxNorm":1e999}}`
    problemOf(await inject('/v1/training-jobs', { 'content-type': 'application/json' }, body), 422, 'SPEC_OUT_OF_RANGE')
  })
})

describe('JSON that no object literal has', () => {
  /** The spec of `classes` with a member as it is written. */
  const written = (member: string) => `${JSON.stringify(specFor('classes')).slice(0, -1)},${member}}`

  it.each([
    [
      '1e999',
      '"clipping":{"mode":"norm","maxNorm":1e999}',
      '/clipping/maxNorm',
      'must be a number, is too large for one',
    ],
    ['−1e999', '"earlyStopping":{"monitor":"loss","target":-1e999}', '/earlyStopping/target', 'is too large for one'],
    ['1e-400', '"clipping":{"mode":"norm","maxNorm":1e-400}', '/clipping/maxNorm', 'is 0'],
    [
      'nesting',
      `"metadata":${'{"a":'.repeat(500)}1${'}'.repeat(500)}`,
      `/metadata${'/a'.repeat(31)}`,
      'nested more than 32',
    ],
    ['a key twice, of which the last one counts', '"seed":1,"seed":-2', '/seed', 'is -2'],
  ])('%s is refused', (_, member, pointer, says) => expectRefusal(written(member), pointer, says))

  it.each([
    ['NaN', '"seed":NaN'],
    ['Infinity', '"seed":Infinity'],
    ['__proto__', '"metadata":{"__proto__":{}}'],
    ['__proto__ in disguise', '"metadata":{"\\u005f_proto__":{}}'],
    ['__proto__ in a topology', '"model":{"kind":"keras","topology":{"config":{"__proto__":{}}}}'],
    ['constructor.prototype', '"metadata":{"constructor":{"prototype":{}}}'],
    ['a comma too many', '"seed":1,'],
  ])('%s is malformed', async (_, member) => {
    problemOf(
      await inject('/v1/training-jobs', { 'content-type': 'application/json' }, written(member)),
      400,
      'JSON_MALFORMED',
    )
    expect(await scene.database.prisma.trainingJob.count()).toBe(0)
  })
})

it('a single sigmoid output for two classes is planned under binary-crossentropy, with its metrics', async () => {
  const metrics = ['accuracy', 'auc', 'brier', 'matthews']
  const model = layers([2], dense(1, { activation: 'sigmoid' }))
  const spec = specFor('rare', { ...model, loss: 'binary-crossentropy', metrics, classWeights: 'balanced' })
  const json = { 'content-type': 'application/json' }
  const response = await inject('/v1/training-jobs?validateOnly=true', json, JSON.stringify(spec))
  expect(response.statusCode, response.body).toBe(200)
  expect(response.json().spec.metrics).toEqual(metrics)
})
