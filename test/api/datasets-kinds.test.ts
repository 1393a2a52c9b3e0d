import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DatasetSchema } from '../../src/contracts/dataset.js'
import { parse } from '../../src/contracts/parse.js'
import { decodeSafetensors } from '../../src/formats/safetensors.js'
import { pointersOf, problemOf, uploadCsv } from './answers.js'
import { type Scene, startScene } from './scene.js'

let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene?.close())

const create = (payload: Record<string, unknown>) =>
  scene.app.inject({ method: 'POST', url: '/v1/datasets', payload, headers: scene.auth })
/** A form with one file of the type that a browser gives it, and fields after it. */
function uploadText(
  text: string | Uint8Array,
  fields: Readonly<Record<string, string>> = {},
  { fileName = 'book.txt', type = 'text/plain' } = {},
) {
  const part = (head: string, body: string | Uint8Array) =>
    Buffer.concat([
      Buffer.from(`--b\r\ncontent-disposition: form-data; ${head}\r\n\r\n`),
      Buffer.from(body),
      Buffer.from('\r\n'),
    ])
  const payload = Buffer.concat([
    part(`name="file"; filename="${fileName}"\r\ncontent-type: ${type}`, text),
    ...Object.entries(fields).map(([name, value]) => part(`name="${name}"`, value)),
    Buffer.from('--b--\r\n'),
  ])
  const headers = { ...scene.auth, 'content-type': 'multipart/form-data; boundary=b' }
  return scene.app.inject({ method: 'POST', url: '/v1/datasets', payload, headers })
}
async function stored(id: string) {
  const { tensors } = decodeSafetensors(await scene.store.get(`datasets/${id}.safetensors`))
  return Object.fromEntries(Object.entries(tensors).map(([name, { type, shape }]) => [name, [type, ...shape]]))
}
const countRows = () => scene.database.prisma.dataset.count()

describe('a table', () => {
  const CSV = 'a,b,c,d,w,red,round\n1,2,3,4,1,0,1\n5,6,7,8,0.5,1,1\n'

  it('with several targets, weights and a shape', async () => {
    const response = await uploadCsv(scene, CSV, { target: 'red,round', weightColumn: 'w', exampleShape: '2,2' })
    expect(response.statusCode, response.body).toBe(202)
    const { id, schema } = response.json()
    expect(schema).toEqual({
      exampleShape: [2, 2],
      featureType: 'float32',
      columns: ['a', 'b', 'c', 'd'],
      target: { kind: 'labels', names: ['red', 'round'] },
      targetColumns: ['red', 'round'],
      trainRows: 2,
      testRows: 0,
      hasWeights: true,
    })
    expect(parse(DatasetSchema, schema).ok).toBe(true)
    expect(await stored(id)).toEqual({
      'train.features': ['float32', 2, 2, 2],
      'train.labels': ['float32', 2, 2],
      'train.weights': ['float32', 2],
    })
  })

  it.each([
    ['a label that is neither 0 nor 1', { target: 'w,red', task: 'labels' }, '/rows/2/w'],
    ['a weight column that is not there', { weightColumn: 'v' }, '/weightColumn'],
    ['a shape of another size', { exampleShape: '2,2' }, '/exampleShape'],
  ])('refuses %s with 422, and creates nothing', async (_, fields, pointer) => {
    const rows = await countRows()
    expect(pointersOf(problemOf(await uploadCsv(scene, CSV, fields), 422, 'DATASET_INVALID'))).toEqual([pointer])
    expect(await countRows()).toBe(rows)
  })

  it('refuses a column named __proto__', async () => {
    const problem = problemOf(await uploadCsv(scene, '__proto__,y\n1,2\n'), 422, 'DATASET_INVALID')
    expect(problem.detail).toContain('"__proto__"')
  })

  it.each([
    [{ exampleShape: '2x2' }, '/exampleShape'],
    [{ exampleShape: '0,4' }, '/exampleShape'],
    [{ exampleShape: '2,2,' }, '/exampleShape'],
    [{ task: 'tokens' }, '/task'],
    [{ sequenceLength: '5' }, '/sequenceLength'],
    [{ weightColumn: '' }, '/weightColumn'],
  ])('refuses the fields %j with 400', async (fields, pointer) => {
    expect(pointersOf(problemOf(await uploadCsv(scene, CSV, fields), 400, 'REQUEST_INVALID'))).toEqual([pointer])
  })

  it('is told from a text by its name when the client calls it text/plain', async () => {
    const response = await uploadText('x,y\n1,a\n2,b\n', {}, { fileName: 'data.csv' })
    expect(response.json().schema.target).toEqual({ kind: 'classes', names: ['a', 'b'] })
  })

  it('refuses a field named __proto__', async () => {
    problemOf(
      await uploadText('x,y\n1,a\n2,b\n', { ['__proto__']: 'x' }, { fileName: 'data.csv' }),
      400,
      'REQUEST_INVALID',
    )
  })
})

describe('a text', () => {
  const TEXT = 'the whale\r\n'.repeat(50)

  it('becomes windows of its characters', async () => {
    const response = await uploadText(TEXT, { sequenceLength: '10', testFraction: '0.2', name: 'whales' })
    expect(response.statusCode, response.body).toBe(202)
    const dataset = response.json()
    // 500 characters once \r\n is \n: 400 train, ⌊399 / 10⌋ = 39 windows; 100 test, ⌊99 / 10⌋ = 9.
    expect(dataset).toMatchObject({ name: 'whales', source: 'upload:book.txt' })
    expect(dataset.schema).toEqual({
      exampleShape: [10],
      featureType: 'int32',
      vocabularySize: 8,
      columns: null,
      target: { kind: 'tokens', vocabulary: ['\n', ' ', 'a', 'e', 'h', 'l', 't', 'w'], length: 10 },
      trainRows: 39,
      testRows: 9,
    })
    expect(parse(DatasetSchema, dataset.schema).ok).toBe(true)
    expect(await stored(dataset.id)).toEqual({
      'train.features': ['int32', 39, 10],
      'train.labels': ['int32', 39, 10],
      'test.features': ['int32', 9, 10],
      'test.labels': ['int32', 9, 10],
    })
    const again = await scene.app.inject({ method: 'GET', url: `/v1/datasets/${dataset.id}`, headers: scene.auth })
    expect(again.json()).toEqual(dataset)
  })

  it.each([
    ['an empty one', '', {}, 'the file is empty'],
    ['one too short for a window', 'whale', { testFraction: '0' }, 'the training split has 5 characters'],
    ['one that is not UTF-8', Buffer.from('Größe', 'latin1'), {}, 'UTF-8'],
    ['one with NUL', 'a\0b', {}, 'NUL'],
  ])('refuses %s with 422, and creates nothing', async (_, text, fields, detail) => {
    const [rows, objects] = [await countRows(), await scene.datasetObjects()]
    const problem = problemOf(await uploadText(text, fields), 422, 'DATASET_INVALID')
    expect(pointersOf(problem)).toEqual(['/file'])
    expect(problem.detail).toContain(detail)
    expect([await countRows(), await scene.datasetObjects()]).toEqual([rows, objects])
  })

  it.each([
    [{ sequenceLength: '1' }, '/sequenceLength'],
    [{ sequenceLength: '2.5' }, '/sequenceLength'],
    [{ sequenceLength: 'ten' }, '/sequenceLength'],
    [{ testFraction: '0.95' }, '/testFraction'],
    [{ testFraction: '-0.1' }, '/testFraction'],
    [{ target: 'y' }, '/target'],
  ])('refuses the fields %j with 400', async (fields, pointer) => {
    expect(pointersOf(problemOf(await uploadText(TEXT, fields), 400, 'REQUEST_INVALID'))).toEqual([pointer])
  })

  it('beyond the limit is refused with 413', async () => {
    problemOf(await uploadText('a'.repeat(300_000)), 413, 'BODY_TOO_LARGE')
  })
})

describe('temporal-order', () => {
  it('is generated by its options, the same each time', async () => {
    const source = { kind: 'builtin', name: 'temporal-order', rows: 30, testRows: 10, length: 20, seed: 5 }
    const [first, second] = [(await create({ source })).json(), (await create({ source })).json()]
    expect(first).toMatchObject({
      source: 'builtin:temporal-order?rows=30&testRows=10&length=20&seed=5',
      schema: { exampleShape: [20, 6], trainRows: 30, testRows: 10 },
    })
    expect(parse(DatasetSchema, first.schema).ok).toBe(true)
    expect(second.sha256).toBe(first.sha256)
    const other = (await create({ source: { ...source, seed: 6 } })).json()
    expect(other.sha256).not.toBe(first.sha256)
  })

  it.each([
    [{ name: 'temporal-order', rows: 0 }, '/source/rows'],
    [{ name: 'temporal-order', length: 9 }, '/source/length'],
    [{ name: 'temporal-order', seed: -1 }, '/source/seed'],
    [{ name: 'temporal-order', testRows: 1.5 }, '/source/testRows'],
    [{ name: 'temporal-order', sequenceLength: 64 }, '/source/sequenceLength'],
    [{ name: 'mnist', seed: 1 }, '/source/seed'],
  ])('refuses %j with 400', async (source, pointer) => {
    const response = await create({ source: { kind: 'builtin', ...source } })
    expect(pointersOf(problemOf(response, 400, 'REQUEST_INVALID'))).toEqual([pointer])
  })

  it('refuses more than fits with 422', async () => {
    const source = { kind: 'builtin', name: 'temporal-order', rows: 1_000_000, length: 1000 }
    expect(pointersOf(problemOf(await create({ source }), 422, 'DATASET_INVALID'))).toEqual(['/source/rows'])
  })
})

it('reads a schema that was stored before these kinds', () => {
  const old = {
    exampleShape: [2],
    featureType: 'float32',
    columns: ['a', 'b'],
    target: { kind: 'number', size: 1 },
    trainRows: 3,
    testRows: 0,
  }
  expect(parse(DatasetSchema, old)).toEqual({ ok: true, value: old })
})
