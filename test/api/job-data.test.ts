import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildApp } from '../../src/api/app.js'
import { createJob, pointersOf, problemOf } from './answers.js'
import { type Scene, startScene } from './scene.js'

const FILE = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251))
const SHA256 = createHash('sha256').update(FILE).digest()
const NAME = 'weights.safetensors'
/** A loss that falls, with one spike and one dip; in float32, as a step computes it. */
const LOSS = Array.from({ length: 2000 }, (_, step) =>
  step === 777 ? 99 : step === 1234 ? -5 : Math.fround(1 / 2 ** (step / 100)),
)

let scene: Scene
let id: string
beforeAll(async () => {
  scene = await startScene()
  id = await createJob(scene)
  const claim = await scene.attempts.claim(id, 'worker', 60_000)
  if (!claim) throw new Error('not claimed')
  for (let from = 0; from < LOSS.length; from += 500)
    await scene.attempts.addMetrics(claim, [
      {
        name: 'loss',
        steps: LOSS.slice(from, from + 500).map((_, i) => from + i),
        values: LOSS.slice(from, from + 500),
      },
      { name: 'sparsity', steps: [from], values: [0] },
      { name: 'clipThreshold', steps: [from], values: [0.5] },
      { name: 'clipping.dense-1.norm', steps: [from], values: [2] },
      ...(from === 1500 ? [{ name: 'clipping.dense-1.scale', steps: [from], values: [1] }] : []),
    ])
  const key = `jobs/${id}/1/${NAME}`
  const { bytes, sha256 } = await scene.store.put(key, FILE)
  await scene.attempts.addArtifact(claim, { name: NAME, mediaType: 'application/octet-stream', key, bytes, sha256 })
  await scene.attempts.addCheckpoint(claim, { step: 500, key: `jobs/${id}/1/c500`, bytes: 9, sha256 }, 2)
  await scene.attempts.addCheckpoint(claim, { step: 1000, key: `jobs/${id}/1/c1000`, bytes: 9, sha256 }, 2)
})
afterAll(() => scene?.close())

const get = (path: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' = 'GET') =>
  scene.app.inject({ method, url: `/v1/training-jobs/${id}/${path}`, headers: { ...scene.auth, ...headers } })

describe('metrics', () => {
  it('of a layer come by name only', async () => {
    const { data } = (await get('metrics?names=clipping.dense-1.norm,clipping.dense-1.scale&toStep=600')).json()
    expect(data).toEqual([{ name: 'clipping.dense-1.norm', steps: [0, 500], values: [2, 2] }])
    expect((await get('metrics?names=clipping.dense-1.norm&fromStep=1999')).json()).toEqual({ data: [] })
  })

  it.each(['clipping.dense-2.norm', 'clipping.dense-1.cosine'])('refuse %s, which the job never has', async (name) => {
    const problem = problemOf(await get(`metrics?names=loss,clipping.dense-1.scale,${name}`), 400, 'REQUEST_INVALID')
    expect(problem.errors).toEqual([
      {
        pointer: '/names',
        detail: `the job has no series "${name}"; its layers are dense-1, and of each it has norm, scale`,
      },
    ])
  })

  it('of any layer may be asked for before there are any', async () => {
    const queued = await createJob(scene)
    const url = `/v1/training-jobs/${queued}/metrics?names=clipping.output.norm`
    expect((await scene.app.inject({ url, headers: scene.auth })).json()).toEqual({ data: [] })
  })

  it('are whole without points', async () => {
    const { data } = (await get('metrics')).json()
    expect(data.map((series: { name: string }) => series.name)).toEqual(['clipThreshold', 'loss', 'sparsity'])
    expect(Float32Array.from(data[1].values)).toEqual(Float32Array.from(LOSS))
  })

  it('keep first, last and extremes when thinned', async () => {
    const { data } = (await get('metrics?names=loss&points=20')).json()
    const { steps, values } = data[0]
    expect(steps.length).toBeLessThanOrEqual(20)
    expect([steps[0], steps.at(-1)]).toEqual([0, 1999])
    expect(steps).toEqual([...steps].sort((a: number, b: number) => a - b))
    expect(values).toEqual(expect.arrayContaining([99, -5]))
    expect(Float32Array.from(values)).toEqual(Float32Array.from(steps, (step: number) => LOSS[step] ?? Number.NaN))
  })

  it('tell of all gradients what clipping did', async () => {
    const { data } = (await get('metrics?names=gradientNormAfter,clipThreshold,clipCosine&toStep=600')).json()
    expect(data).toEqual([{ name: 'clipThreshold', steps: [0, 500], values: [0.5, 0.5] }])
  })

  it('come by name and range of steps', async () => {
    const { data } = (await get('metrics?names=loss,%20clipped&fromStep=10&toStep=13')).json()
    expect(data).toEqual([
      {
        name: 'loss',
        steps: [10, 11, 12],
        values: [expect.closeTo(LOSS[10] ?? 0), expect.closeTo(LOSS[11] ?? 0), expect.closeTo(LOSS[12] ?? 0)],
      },
    ])
  })

  it.each([
    ['points=3', '/points'],
    ['fromStep=-1', '/fromStep'],
    ['toStep=99999999999', '/toStep'],
    ['name=loss', '/name'],
    ['names=loss,speed', '/names'],
    ['names=clipping.dense-1.speed', '/names'],
    ['names=clipping..norm', '/names'],
    ['names=clipping.a/b.norm', '/names'],
    ['fromStep=5&toStep=4', '/toStep'],
  ])('refuse ?%s', async (query, pointer) => {
    expect(pointersOf(problemOf(await get(`metrics?${query}`), 400, 'REQUEST_INVALID'))).toEqual([pointer])
  })
})

describe('checkpoints', () => {
  it('are listed, the newest first', async () => {
    const { data } = (await get('checkpoints')).json()
    expect(data.map((checkpoint: { step: number }) => checkpoint.step)).toEqual([1000, 500])
  })
})

describe('artifacts', () => {
  it('are listed without their keys', async () => {
    const { data } = (await get('artifacts')).json()
    expect(data).toEqual([
      {
        name: NAME,
        mediaType: 'application/octet-stream',
        bytes: 1000,
        sha256: SHA256.toString('hex'),
        createdAt: expect.any(String),
      },
    ])
  })

  it('come whole, with their hash as ETag and digest', async () => {
    const response = await get(`artifacts/${NAME}`)
    expect(response.statusCode).toBe(200)
    expect(response.rawPayload.equals(FILE)).toBe(true)
    expect(response.headers).toMatchObject({
      etag: `"${SHA256.toString('hex')}"`,
      'repr-digest': `sha-256=:${SHA256.toString('base64')}:`,
      'content-length': '1000',
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${NAME}"`,
      'accept-ranges': 'bytes',
    })
  })

  it.each([
    ['bytes=0-9', 0, 9],
    ['bytes=990-', 990, 999],
    ['bytes=-10', 990, 999],
    ['bytes=500-5000', 500, 999],
    ['bytes=-5000', 0, 999],
    ['bytes=999-999', 999, 999],
  ])('Range %s gives the bytes %i to %i', async (range, start, end) => {
    const response = await get(`artifacts/${NAME}`, { range })
    expect([response.statusCode, response.headers['content-range']]).toEqual([206, `bytes ${start}-${end}/1000`])
    expect(response.headers['content-length']).toBe(String(end - start + 1))
    expect(response.rawPayload.equals(FILE.subarray(start, end + 1))).toBe(true)
    expect(response.headers['repr-digest']).toBe(`sha-256=:${SHA256.toString('base64')}:`)
  })

  it.each(['bytes=1000-', 'bytes=-0', 'bytes=5000-6000'])('Range %s is 416', async (range) => {
    const response = await get(`artifacts/${NAME}`, { range })
    problemOf(response, 416, 'RANGE_UNSATISFIABLE')
    expect(response.headers['content-range']).toBe('bytes */1000')
  })

  it.each(['bytes=5-2', 'bytes=0-1,5-6', 'rows=0-1', 'bytes=a-b', 'bytes=-'])('Range %s is ignored', async (range) => {
    const response = await get(`artifacts/${NAME}`, { range })
    expect([response.statusCode, response.rawPayload.length]).toEqual([200, 1000])
  })

  it('If-Range gives the part of the same file, else the whole', async () => {
    const tag = `"${SHA256.toString('hex')}"`
    const part = (condition: string) => get(`artifacts/${NAME}`, { range: 'bytes=0-9', 'if-range': condition })
    expect((await part(tag)).statusCode).toBe(206)
    expect((await part('"other"')).statusCode).toBe(200)
    expect((await part(`W/${tag}`)).statusCode).toBe(200)
    expect((await part('Wed, 21 Oct 2026 07:28:00 GMT')).statusCode).toBe(200)
  })

  it('If-None-Match answers 304 without reading the file', async () => {
    const response = await get(`artifacts/${NAME}`, { 'if-none-match': `"${SHA256.toString('hex')}"` })
    expect([response.statusCode, response.rawPayload.length]).toEqual([304, 0])
  })

  it('HEAD tells the size', async () => {
    const response = await get(`artifacts/${NAME}`, {}, 'HEAD')
    expect([response.statusCode, response.headers['content-length'], response.rawPayload.length]).toEqual([
      200,
      '1000',
      0,
    ])
  })

  it.each(['nothing', '..%2F..%2Fsecret', 'a%20b'])('%s is not there', async (name) => {
    problemOf(await get(`artifacts/${name}`), 404, 'ARTIFACT_NOT_FOUND')
  })

  it.each([
    ['weights.sparse', 'its spec does not ask for it: add "sparse" to exports in a new job'],
    ['sample.txt', 'its spec does not ask for it: give sampling in a new job'],
    ['toString', 'it has weights.safetensors'],
  ])('that are not there say why: %s', async (name, reason) => {
    expect(problemOf(await get(`artifacts/${name}`), 404, 'ARTIFACT_NOT_FOUND').detail).toContain(reason)
  })

  it('come at the end of a job', async () => {
    const url = `/v1/training-jobs/${await createJob(scene)}/artifacts/${NAME}`
    const { detail } = problemOf(await scene.app.inject({ url, headers: scene.auth }), 404, 'ARTIFACT_NOT_FOUND')
    expect(detail).toContain('it has none; the job is queued, and artifacts come when it succeeds')
  })

  it('whose object is gone from the store say so, and the log has the key', async () => {
    const job = await createJob(scene)
    const claim = await scene.attempts.claim(job, 'worker', 60_000)
    if (!claim) throw new Error('not claimed')
    const key = `jobs/${job}/1/${NAME}`
    const stored = await scene.store.put(key, FILE)
    await scene.attempts.addArtifact(claim, { name: NAME, mediaType: 'application/octet-stream', key, ...stored })
    const url = `/v1/training-jobs/${job}/artifacts/${NAME}`
    expect((await scene.app.inject({ url, headers: scene.auth })).statusCode).toBe(200)
    await scene.store.delete(key)
    const { database, store } = scene
    const app = await buildApp({ database, store, queue: { ping: async () => {} }, logLevel: 'error' })
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const answer = await app.inject({ url, headers: scene.auth })
    const logged = write.mock.calls.map(([text]) => String(text)).join('')
    write.mockRestore()
    await app.close()
    expect(JSON.parse(logged)).toMatchObject({ level: 50, err: { type: 'ObjectMissingError', key } })
    const { detail, retryable } = problemOf(answer, 500, 'OBJECT_MISSING')
    expect(detail).not.toContain(key)
    expect([retryable, answer.headers.etag, answer.headers['content-disposition']]).toEqual([
      false,
      undefined,
      undefined,
    ])
  })

  it('refuse a name with NUL', async () => {
    expect(pointersOf(problemOf(await get('artifacts/a%00b'), 400, 'REQUEST_INVALID'))).toEqual(['/name'])
  })
})

it.each(['events', 'metrics', 'checkpoints', 'artifacts', `artifacts/${NAME}`])(
  'hides %s from other projects',
  async (path) => {
    problemOf(await get(path, { ...scene.otherAuth }), 404, 'JOB_NOT_FOUND')
  },
)
