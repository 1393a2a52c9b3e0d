import request from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeSafetensors } from '../../src/formats/safetensors.js'
import { createDataset, createJob, form, pointersOf, problemOf, uploadCsv } from './answers.js'
import { IRIS_CSV, type Scene, startScene } from './scene.js'

let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene?.close())

const get = (url: string, headers = scene.auth) => scene.app.inject({ method: 'GET', url, headers: { ...headers } })
const remove = (id: string, headers = scene.auth) =>
  scene.app.inject({ method: 'DELETE', url: `/v1/datasets/${id}`, headers: { ...headers } })
const send = (parts: Parameters<typeof form>[0]) => {
  const { payload, headers } = form(parts)
  return scene.app.inject({ method: 'POST', url: '/v1/datasets', payload, headers: { ...scene.auth, ...headers } })
}
const postJson = (payload: Record<string, unknown>, headers: Record<string, string> = {}) =>
  scene.app.inject({ method: 'POST', url: '/v1/datasets', payload, headers: { ...scene.auth, ...headers } })
const countRows = () => scene.database.prisma.dataset.count()

describe('POST /v1/datasets', () => {
  it('takes a CSV file over a real socket', async () => {
    const response = await request(await scene.listen())
      .post('/v1/datasets')
      .set(scene.auth)
      .attach('file', Buffer.from('y,a\n1,2.5\n3,4.5\n'), 'numbers.csv')
      .field('target', 'a')
    expect(response.status).toBe(202)
    expect(response.body).toMatchObject({ name: 'numbers.csv', schema: { target: { kind: 'number', size: 1 } } })
  })

  it('takes fields before and after the file', async () => {
    for (const first of [true, false]) {
      const file = { name: 'file', value: 'y,a\n1,2\n3,4\n', fileName: 'data.csv' }
      const target = { name: 'target', value: 'y' }
      const response = await send([...(first ? [target] : []), file, ...(first ? [] : [target])])
      expect(response.statusCode, response.body).toBe(202)
      expect(response.json().schema.columns).toEqual(['a'])
    }
  })

  it('answers 202 with the ready dataset, whose object has the tensors', async () => {
    const response = await uploadCsv(scene, IRIS_CSV, { name: 'my flowers' })
    expect(response.statusCode).toBe(202)
    const dataset = response.json()
    expect(response.headers.location).toBe(`/v1/datasets/${dataset.id}`)
    expect(dataset).toMatchObject({
      name: 'my flowers',
      status: 'ready',
      source: 'upload:iris.csv',
      schema: { exampleShape: [2], columns: ['length', 'width'], trainRows: 40, target: { names: ['a', 'b', 'c'] } },
    })
    const bytes = await scene.store.get(`datasets/${dataset.id}.safetensors`)
    expect(bytes.length).toBe(dataset.bytes)
    expect(decodeSafetensors(bytes).tensors['train.features']?.shape).toEqual([40, 2])
    expect((await get(response.headers.location ?? '')).json()).toEqual(dataset)
  })

  it.each([
    ['zero rows', 'a,b\n', 'zero rows'],
    ['text in a numeric column', 'a,b,y\n1,2,0\n3,red,1\n', 'row 2 (line 3), column "b": "red"'],
    ['what is no UTF-8', Buffer.from('größe,y\n1,2\n', 'latin1'), 'UTF-8'],
    ['an empty file', '', 'empty'],
  ])('refuses a CSV with %s with 422, and creates nothing', async (_, csv, detail) => {
    const [rows, objects] = [await countRows(), await scene.datasetObjects()]
    const problem = problemOf(await uploadCsv(scene, csv), 422, 'DATASET_INVALID')
    expect(problem.detail).toContain(detail)
    expect(pointersOf(problem)).not.toEqual([])
    expect([await countRows(), await scene.datasetObjects()]).toEqual([rows, objects])
  })

  it('names the parts that a form may have', async () => {
    const problem = problemOf(await uploadCsv(scene, IRIS_CSV, { tarjet: 'kind' }), 400, 'REQUEST_INVALID')
    expect(problem.detail).toBe(
      '/tarjet: unknown field (did you mean target?); expected one of: name, target, task, weightColumn, exampleShape, file',
    )
  })

  it('names the target that is no column', async () => {
    const problem = problemOf(await uploadCsv(scene, IRIS_CSV, { target: 'colour' }), 422, 'DATASET_INVALID')
    expect(pointersOf(problem)).toEqual(['/target'])
  })

  const file = { name: 'file', value: IRIS_CSV, fileName: 'iris.csv' }
  it.each([
    ['no file', [{ name: 'target', value: 'kind' }], '/file'],
    ['a file under another name', [{ ...file, name: 'data' }], '/file'],
    ['an unknown field', [file, { name: 'tarjet', value: 'kind' }], '/tarjet'],
    ['an unknown task', [file, { name: 'task', value: 'regression' }], '/task'],
    ['a field twice', [file, { name: 'target', value: 'a' }, { name: 'target', value: 'b' }], '/target'],
    ['NUL in the name', [file, { name: 'name', value: 'a\0b' }], '/name'],
  ])('refuses a form with %s', async (_, parts, pointer) => {
    expect(pointersOf(problemOf(await send(parts), 400, 'REQUEST_INVALID'))).toEqual([pointer])
  })

  it.each([
    [
      'cut off',
      '--b\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b\n1,',
      'multipart/form-data; boundary=b',
      400,
      'REQUEST_INVALID',
    ],
    ['without a boundary', 'a,b', 'multipart/form-data', 400, 'REQUEST_INVALID'],
    ['of nothing', '', 'multipart/form-data; boundary=b', 400, 'REQUEST_INVALID'],
    ['that is a bare CSV', 'a,b\n1,2', 'text/csv', 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['that is malformed JSON', '{', 'application/json', 400, 'JSON_MALFORMED'],
  ])('refuses a body %s', async (_, payload, type, status, code) => {
    const headers = { ...scene.auth, 'content-type': type }
    problemOf(await scene.app.inject({ method: 'POST', url: '/v1/datasets', headers, payload }), status, code)
  })

  it('refuses a request without a body', async () => {
    const response = await scene.app.inject({ method: 'POST', url: '/v1/datasets', headers: scene.auth })
    expect(problemOf(response, 400, 'REQUEST_INVALID').detail).toContain('the body is empty')
  })

  it.each([100_000, 3_000_000])(
    'refuses a file that is %i bytes beyond the limit with 413, and creates nothing',
    async (excess) => {
      const objects = await scene.datasetObjects()
      const row = '0.123456789,1.5,a\n0.123456789,2.5,b\n'
      const csv = `x,y,kind\n${row.repeat(Math.ceil((200_000 + excess) / row.length))}`
      expect(problemOf(await uploadCsv(scene, csv), 413, 'BODY_TOO_LARGE').detail).toMatch(
        /^\/file: may have \d+ bytes/,
      )
      expect(await scene.datasetObjects()).toBe(objects)
    },
  )

  it.each([
    [{ source: { kind: 'builtin', name: 'imagenet' } }, '/source/name'],
    [{ source: { kind: 'builtin', name: 'mnist' }, nam: 'x' }, '/nam'],
    [{}, '/source'],
    [{ name: '', source: { kind: 'builtin', name: 'mnist' } }, '/name'],
  ])('refuses %j', async (payload, pointer) => {
    expect(pointersOf(problemOf(await postJson(payload), 400, 'REQUEST_INVALID'))).toEqual([pointer])
  })

  it('makes MNIST, once for the same idempotency key', async () => {
    const body = { name: 'digits', source: { kind: 'builtin', name: 'mnist' } }
    const first = await postJson(body, { 'idempotency-key': 'mnist' })
    expect(first.statusCode).toBe(202)
    expect(first.json().schema).toMatchObject({ exampleShape: [28, 28, 1], trainRows: 60_000, testRows: 10_000 })
    const objects = await scene.datasetObjects()
    const second = await postJson(body, { 'idempotency-key': 'mnist' })
    expect(second.headers['idempotency-replayed']).toBe('true')
    expect(second.json()).toEqual(first.json())
    expect(await scene.datasetObjects()).toBe(objects)
  })

  it('replays an upload, and refuses the key for another file', async () => {
    const headers = { 'idempotency-key': 'upload' }
    const first = await uploadCsv(scene, IRIS_CSV, {}, headers)
    const second = await uploadCsv(scene, IRIS_CSV, {}, headers)
    expect([second.headers['idempotency-replayed'], second.json().id]).toEqual(['true', first.json().id])
    const objects = await scene.datasetObjects()
    problemOf(await uploadCsv(scene, `${IRIS_CSV}1,2,a\n`, {}, headers), 422, 'IDEMPOTENCY_MISMATCH')
    expect(await scene.datasetObjects()).toBe(objects)
  })

  it('keeps folders and control characters out of the source', async () => {
    const response = await send([{ ...file, fileName: '../../etc/pass\twd' }])
    expect(response.json().source).toBe('upload:passwd')
  })
})

describe('GET and DELETE /v1/datasets', () => {
  it('pages, the newest first', async () => {
    const [first, second] = [await createDataset(scene), await createDataset(scene)]
    const page = (await get('/v1/datasets?limit=1')).json()
    expect([page.data[0].id, page.hasMore]).toEqual([second, true])
    expect((await get(`/v1/datasets?limit=1&cursor=${page.nextCursor}`)).json().data[0].id).toBe(first)
    problemOf(await get('/v1/datasets?cursor=am9i'), 400, 'CURSOR_INVALID')
  })

  it('hides what belongs to another project', async () => {
    const id = await createDataset(scene)
    problemOf(await get(`/v1/datasets/${id}`, scene.otherAuth), 404, 'DATASET_NOT_FOUND')
    problemOf(await remove(id, scene.otherAuth), 404, 'DATASET_NOT_FOUND')
    expect((await get('/v1/datasets', scene.otherAuth)).json().data).toEqual([])
    expect((await get(`/v1/datasets/${id}`)).statusCode).toBe(200)
  })

  it('deletes row and object', async () => {
    const id = await createDataset(scene)
    const response = await remove(id)
    expect([response.statusCode, response.body]).toEqual([204, ''])
    expect(await scene.store.size(`datasets/${id}.safetensors`)).toBeNull()
    problemOf(await get(`/v1/datasets/${id}`), 404, 'DATASET_NOT_FOUND')
    problemOf(await remove(id), 404, 'DATASET_NOT_FOUND')
  })

  it('refuses to delete what an unfinished job uses', async () => {
    const job = await createJob(scene)
    const { spec } = (await get(`/v1/training-jobs/${job}`)).json()
    problemOf(await remove(spec.datasetId), 409, 'DATASET_IN_USE')
    expect(await scene.store.size(`datasets/${spec.datasetId}.safetensors`)).not.toBeNull()
  })

  it('refuses an id that cannot be one', async () => {
    expect(pointersOf(problemOf(await get('/v1/datasets/42'), 400, 'REQUEST_INVALID'))).toEqual(['/id'])
  })
})
