import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RESULT } from '../support/jobs.js'
import { createDataset, createJob, pointersOf, postJob, problemOf, specFor } from './answers.js'
import { type Scene, startScene } from './scene.js'

let scene: Scene
let datasetId: string
beforeAll(async () => {
  scene = await startScene()
  datasetId = await createDataset(scene)
})
afterAll(() => scene?.close())

const get = (url: string, headers = scene.auth) => scene.app.inject({ method: 'GET', url, headers: { ...headers } })
const countJobs = () => scene.database.prisma.trainingJob.count()

describe('POST /v1/training-jobs', () => {
  it('creates a queued job with every default filled in, its first event and its delivery', async () => {
    const response = await postJob(scene, specFor(datasetId))
    expect(response.statusCode).toBe(202)
    const job = response.json()
    expect(response.headers.location).toBe(`/v1/training-jobs/${job.id}`)
    expect(job).toMatchObject({ status: 'queued', attempt: 0, progress: null, result: null, cancelRequested: false })
    expect(job.spec).toMatchObject({ metrics: ['accuracy'], clipping: { mode: 'none', onNonFinite: 'fail' }, seed: 0 })
    expect((await get(`/v1/training-jobs/${job.id}/events`)).json().data).toMatchObject([{ type: 'job.created' }])
    expect(await scene.database.prisma.outbox.count({ where: { jobId: job.id } })).toBe(1)
    expect((await get(response.headers.location ?? '')).json()).toEqual(job)
  })

  it('with validateOnly answers 200 with the plan and creates nothing', async () => {
    const before = await countJobs()
    const response = await scene.app.inject({
      method: 'POST',
      url: '/v1/training-jobs?validateOnly=true',
      headers: scene.auth,
      payload: specFor(datasetId),
    })
    expect(response.statusCode).toBe(200)
    // 2 inputs · 3 units + 3 biases; 40 rows in batches of 8.
    expect(response.json()).toMatchObject({ parameters: 9, steps: 20, stepsPerEpoch: 5, trainRows: 40 })
    expect(await countJobs()).toBe(before)
  })

  const clip = (clipping: unknown) => ({ clipping })
  const prune = (schedule: Record<string, unknown>, more = {}) => ({
    pruning: { schedule: { kind: 'polynomial', finalSparsity: 0.5, beginStep: 2, endStep: 10, ...schedule }, ...more },
  })
  const output = (layer: Record<string, unknown>) => ({
    model: { kind: 'layers', inputShape: [2], layers: [{ type: 'dense', name: 'output', units: 3, ...layer }] },
  })
  it.each([
    ['an unknown field', { sparcity: 0.9 }, '/sparcity'],
    ['an unknown field inside', prune({ frequenzy: 3 }), '/pruning/schedule/frequenzy'],
    ['a wrong type', { batchSize: '8' }, '/batchSize'],
    ['a fraction of a step', { steps: 1.5 }, '/steps'],
    ['sparsity 1', prune({ finalSparsity: 1 }), '/pruning/schedule/finalSparsity'],
    ['a negative sparsity', prune({ initialSparsity: -0.1 }), '/pruning/schedule/initialSparsity'],
    ['a negative norm', clip({ mode: 'global-norm', maxNorm: -1 }), '/clipping/maxNorm'],
    ['a norm of zero', clip({ mode: 'norm', maxNorm: 0 }), '/clipping/maxNorm'],
    ['a clipping mode that does not exist', clip({ mode: 'globalnorm', maxNorm: 1 }), '/clipping/mode'],
    ['a clipping without its threshold', clip({ mode: 'value' }), '/clipping/maxValue'],
    ['begin = end', prune({ beginStep: 10, endStep: 10 }), '/pruning/schedule/beginStep'],
    ['begin > end', prune({ beginStep: 11, endStep: 10 }), '/pruning/schedule/beginStep'],
    ['a schedule beyond the last step', prune({ endStep: 21 }), '/pruning/schedule/endStep'],
    ['an unknown layer', prune({}, { include: ['hidden'] }), '/pruning/include/0'],
    ['an unknown kind of layer', output({ type: 'transformer' }), '/model/layers/0/type'],
    ['an output that does not fit the labels', output({ units: 4 }), '/model/layers/0'],
    ['an input that does not fit the data', { model: { ...output({}).model, inputShape: [3] } }, '/model/inputShape'],
    ['epochs and steps at once', { epochs: 3 }, '/steps'],
    ['a loss that does not fit the labels', { loss: 'mean-squared-error' }, '/loss'],
    ['a dataset that does not exist', { datasetId: 'ds_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69' }, '/datasetId'],
    ['NUL in the name', { name: 'a\0b' }, '/name'],
    ['half a surrogate pair', { metadata: { team: '\ud800' } }, '/metadata/team'],
    ['no model', { model: undefined }, '/model'],
  ])('refuses %s with 422 and a pointer, and creates nothing', async (_, changes, pointer) => {
    const before = await countJobs()
    const response = await postJob(scene, specFor(datasetId, changes))
    const problem = problemOf(
      response,
      422,
      response.json().code === 'SPEC_OUT_OF_RANGE' ? 'SPEC_OUT_OF_RANGE' : 'SPEC_INVALID',
    )
    expect(
      pointersOf(problem).some((at) => at === pointer || at.startsWith(`${pointer}/`)),
      response.body,
    ).toBe(true)
    expect(await countJobs()).toBe(before)
  })

  it('does not let a job use the dataset of another project', async () => {
    const response = await postJob({ ...scene, auth: scene.otherAuth }, specFor(datasetId))
    expect(pointersOf(problemOf(response, 422, 'SPEC_INVALID'))).toEqual(['/datasetId'])
  })

  it.each([
    ['malformed JSON', '{"datasetId": ', 'application/json', 400, 'JSON_MALFORMED'],
    ['an empty body', '', 'application/json', 400, 'JSON_MALFORMED'],
    ['a __proto__ key', '{"__proto__": {"a": 1}}', 'application/json', 400, 'JSON_MALFORMED'],
    ['text', 'hello', 'text/plain', 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['XML', '<job/>', 'application/xml', 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a form', 'a=1', 'application/x-www-form-urlencoded', 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['an upload', '--x--', 'multipart/form-data; boundary=x', 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['too much', `"${'x'.repeat(1024 * 1024)}"`, 'application/json', 413, 'BODY_TOO_LARGE'],
    ['nesting without end', '['.repeat(100_000) + ']'.repeat(100_000), 'application/json', 422, 'SPEC_INVALID'],
    ['JSON that is no object', '[1, 2]', 'application/json', 422, 'SPEC_INVALID'],
  ])('answers %s with a problem', async (_, payload, type, status, code) => {
    const headers = { ...scene.auth, 'content-type': type }
    problemOf(await scene.app.inject({ method: 'POST', url: '/v1/training-jobs', headers, payload }), status, code)
  })

  it.each([
    [
      '{\n  "seed": 1,\n}',
      /^the body is not valid JSON: Expected double-quoted property name in JSON at line 3, column 1$/,
    ],
    ['{"seed" 1}', /^the body is not valid JSON: Expected ':' after property name in JSON at line 1, column 9$/],
    ['{"seed": NaN}', /^the body is not valid JSON: Unexpected token 'N', "\{"seed": NaN\}" is not valid JSON$/],
    ['{"seed": ', /^the body is not valid JSON: Unexpected end of JSON input$/],
    ['{"__proto__": {}}', /^the body has a key `__proto__`/],
    ['', /^the body is empty/],
  ])('says where %j is not JSON', async (payload, detail) => {
    const headers = { ...scene.auth, 'content-type': 'application/json' }
    const response = await scene.app.inject({ method: 'POST', url: '/v1/training-jobs', headers, payload })
    expect(problemOf(response, 400, 'JSON_MALFORMED').detail).toMatch(detail)
  })

  it('answers a request without a body with a problem', async () => {
    const response = await scene.app.inject({ method: 'POST', url: '/v1/training-jobs', headers: scene.auth })
    expect(problemOf(response, 422, 'SPEC_INVALID').detail).toBe('the body is empty')
  })
})

describe('Idempotency-Key', () => {
  it('replays the first answer, in whatever order the fields come', async () => {
    const spec = specFor(datasetId)
    const first = await postJob(scene, spec, { 'idempotency-key': 'once' })
    expect(first.headers['idempotency-replayed']).toBeUndefined()
    const before = await countJobs()
    const reordered = Object.fromEntries(Object.entries(spec).reverse())
    const second = await postJob(scene, reordered, { 'idempotency-key': 'once' })
    expect(second.statusCode).toBe(202)
    expect(second.headers['idempotency-replayed']).toBe('true')
    expect(second.json()).toEqual(first.json())
    expect(second.headers.location).toBe(first.headers.location)
    expect(await countJobs()).toBe(before)
  })

  it('creates one job for ten requests at once', async () => {
    const before = await countJobs()
    const request = () => postJob(scene, specFor(datasetId), { 'idempotency-key': 'race' })
    const responses = await Promise.all(Array.from({ length: 10 }, request))
    expect(responses.map((response) => response.statusCode)).toEqual(Array(10).fill(202))
    expect(new Set(responses.map((response) => response.json().id)).size).toBe(1)
    expect(await countJobs()).toBe(before + 1)
  })

  it('refuses the key for another request with 422', async () => {
    await postJob(scene, specFor(datasetId), { 'idempotency-key': 'mismatch' })
    const other = await postJob(scene, specFor(datasetId, { seed: 1 }), { 'idempotency-key': 'mismatch' })
    problemOf(other, 422, 'IDEMPOTENCY_MISMATCH')
  })

  it('is the key of one project only', async () => {
    const otherScene = { ...scene, auth: scene.otherAuth }
    const otherDataset = await createDataset(otherScene)
    await postJob(scene, specFor(datasetId), { 'idempotency-key': 'shared' })
    const response = await postJob(otherScene, specFor(otherDataset), { 'idempotency-key': 'shared' })
    expect(response.headers['idempotency-replayed']).toBeUndefined()
    expect(response.statusCode).toBe(202)
  })

  it('replays after the dataset was deleted', async () => {
    const dataset = await createDataset(scene)
    const first = await postJob(scene, specFor(dataset), { 'idempotency-key': 'deleted' })
    await scene.app.inject({ method: 'POST', url: `${first.headers.location}/cancel`, headers: scene.auth })
    await scene.app.inject({ method: 'DELETE', url: `/v1/datasets/${dataset}`, headers: scene.auth })
    const again = await postJob(scene, specFor(dataset), { 'idempotency-key': 'deleted' })
    expect(again.headers['idempotency-replayed']).toBe('true')
    expect(again.json().id).toBe(first.json().id)
  })

  it.each([
    ['', ''],
    ['x'.repeat(256), 'too long'],
  ])('refuses the key %j', async (key) => {
    problemOf(await postJob(scene, specFor(datasetId), { 'idempotency-key': key }), 400, 'REQUEST_INVALID')
  })
})

describe('GET /v1/training-jobs', () => {
  it('pages through all jobs of the project, the newest first, each once', async () => {
    const url = (cursor: string | null) => `/v1/training-jobs?limit=3${cursor ? `&cursor=${cursor}` : ''}`
    const ids: string[] = []
    let cursor: string | null = null
    do {
      const page: { data: { id: string }[]; nextCursor: string | null; hasMore: boolean } = (
        await get(url(cursor))
      ).json()
      expect(page.hasMore).toBe(page.nextCursor !== null)
      ids.push(...page.data.map(({ id }) => id))
      cursor = page.nextCursor
    } while (cursor !== null)
    expect(ids).toEqual([...ids].sort().reverse())
    expect(ids).toHaveLength(await scene.database.prisma.trainingJob.count({ where: { projectId: scene.projectId } }))
  })

  it('filters by status, name and time', async () => {
    const id = await createJob(scene, { name: 'find me' })
    const created = (await get(`/v1/training-jobs/${id}`)).json().createdAt
    const idsOf = async (query: string) =>
      (await get(`/v1/training-jobs?${query}`)).json().data.map((job: { id: string }) => job.id)
    expect(await idsOf('name=find%20me')).toEqual([id])
    expect(await idsOf('name=find%20me&status=queued')).toEqual([id])
    expect(await idsOf('name=find%20me&status=failed')).toEqual([])
    expect(await idsOf(`name=find%20me&createdAfter=${new Date(Date.parse(created) - 1).toISOString()}`)).toEqual([id])
    expect(await idsOf(`name=find%20me&createdAfter=${created}`)).toEqual([])
  })

  it.each([
    ['cursor=nonsense', 'CURSOR_INVALID', '/cursor'],
    ['cursor=%00', 'REQUEST_INVALID', '/cursor'],
    ['limit=0', 'REQUEST_INVALID', '/limit'],
    ['limit=201', 'REQUEST_INVALID', '/limit'],
    ['limit=1.5', 'REQUEST_INVALID', '/limit'],
    ['limit=ten', 'REQUEST_INVALID', '/limit'],
    ['limit=1&limit=2', 'REQUEST_INVALID', '/limit'],
    ['status=done', 'REQUEST_INVALID', '/status'],
    ['createdAfter=yesterday', 'REQUEST_INVALID', '/createdAfter'],
    ['createdAfter=0000-01-01T00:00:00Z', 'REQUEST_INVALID', '/createdAfter'],
    ['createdAfter=2016-12-31T23:59:60Z', 'REQUEST_INVALID', '/createdAfter'],
    ['sort=name', 'REQUEST_INVALID', '/sort'],
  ])('refuses ?%s', async (query, code, pointer) => {
    expect(pointersOf(problemOf(await get(`/v1/training-jobs?${query}`), 400, code))).toEqual([pointer])
  })
})

describe('POST /v1/training-jobs/{id}/cancel', () => {
  const cancel = (id: string, headers = scene.auth) =>
    scene.app.inject({ method: 'POST', url: `/v1/training-jobs/${id}/cancel`, headers: { ...headers } })

  it('cancels a queued job at once, and again without change', async () => {
    const id = await createJob(scene)
    const first = await cancel(id)
    expect([first.statusCode, first.json().status]).toEqual([202, 'cancelled'])
    const second = await cancel(id)
    expect([second.statusCode, second.json()]).toEqual([202, first.json()])
    const events = (await get(`/v1/training-jobs/${id}/events`)).json().data
    expect(events.map((event: { type: string }) => event.type)).toEqual(['job.created', 'job.cancelled'])
  })

  it('notes the request on a running job, and refuses with 409 once it has ended', async () => {
    const id = await createJob(scene)
    const claim = await scene.attempts.claim(id, 'worker', 30_000)
    if (!claim) throw new Error('not claimed')
    const running = await cancel(id)
    expect(running.json()).toMatchObject({ status: 'running', cancelRequested: true })
    await scene.attempts.succeed(claim, RESULT)
    problemOf(await cancel(id), 409, 'JOB_STATE_CONFLICT')
  })

  it('is 404 for jobs that are not there or of another project', async () => {
    const id = await createJob(scene)
    problemOf(await cancel(id, scene.otherAuth), 404, 'JOB_NOT_FOUND')
    problemOf(await cancel('job_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69'), 404, 'JOB_NOT_FOUND')
    expect((await get(`/v1/training-jobs/${id}`)).json().status).toBe('queued')
  })
})
