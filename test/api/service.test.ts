import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildApp } from '../../src/api/app.js'
import { makeDatabase } from '../../src/db/database.js'
import { createJob, problemOf } from './answers.js'
import { type Scene, startScene } from './scene.js'

let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene?.close())

const inject = (
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS',
  url: string,
  headers: Record<string, string> = {},
) => scene.app.inject({ method, url, headers })

describe('routes that do not exist', () => {
  it.each(['/nothing', '/v1/nothing', '/docs/nothing.js', '/v1/training-jobs/a/b/c/d'])(
    'GET %s is 404',
    async (url) => {
      problemOf(await inject('GET', url, scene.auth), 404, 'ROUTE_NOT_FOUND')
    },
  )

  it.each([
    ['PUT', '/v1/datasets', 'GET, HEAD, POST'],
    ['POST', '/v1/training-jobs/x/events', 'GET, HEAD'],
    ['GET', '/v1/training-jobs/x/cancel', 'POST'],
    ['DELETE', '/healthz', 'GET, HEAD'],
    ['OPTIONS', '/v1/datasets/x', 'GET, HEAD, DELETE'],
  ] as const)('%s %s is 405 and says what is allowed', async (method, url, allowed) => {
    const response = await inject(method, url, scene.auth)
    problemOf(response, 405, 'METHOD_NOT_ALLOWED')
    expect(String(response.headers.allow).split(', ').sort()).toEqual(allowed.split(', ').sort())
  })

  it.each(['/v1/datasets/%E0%A4%A', `/v1/training-jobs/${'x'.repeat(1000)}`])(
    'GET of an address that is not valid is a problem',
    async (url) => {
      const response = await inject('GET', url, scene.auth)
      problemOf(
        response,
        response.statusCode === 404 ? 404 : 400,
        response.statusCode === 404 ? 'ROUTE_NOT_FOUND' : 'REQUEST_INVALID',
      )
    },
  )

  it('answers what is not HTTP with a problem', async () => {
    const { port } = new URL(await scene.listen())
    const answer = await new Promise<string>((resolve, reject) => {
      let text = ''
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'))
      socket.on('data', (chunk) => {
        text += chunk.toString()
      })
      socket.on('error', reject).on('close', () => resolve(text))
    })
    expect(answer).toMatch(/^HTTP\/1\.1 400 .*\r\n/)
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status: 400, code: 'REQUEST_INVALID' })
  })
})

describe('API keys', () => {
  it.each([
    [undefined],
    ['Bearer'],
    ['Bearer esp_wrong'],
    ['Basic dXNlcjpwYXNz'],
    ['Bearer a b'],
    [`Bearer ${'x'.repeat(10_000)}`],
    ['Bearer \u00e9'],
  ])('%s is 401', async (authorization) => {
    const response = await inject('GET', '/v1/datasets', authorization === undefined ? {} : { authorization })
    problemOf(response, 401, 'UNAUTHENTICATED')
    expect(response.headers['www-authenticate']).toMatch(/^Bearer/)
  })

  it('are checked before the body is read', async () => {
    const headers = { 'content-type': 'application/json' }
    problemOf(
      await scene.app.inject({ method: 'POST', url: '/v1/training-jobs', headers, payload: '{' }),
      401,
      'UNAUTHENTICATED',
    )
  })

  it('let in by scope', async () => {
    const reader = await scene.keyWith(['jobs:read'])
    expect((await inject('GET', '/v1/training-jobs', { ...reader })).statusCode).toBe(200)
    problemOf(await inject('GET', '/v1/datasets', { ...reader }), 403, 'FORBIDDEN')
    problemOf(await inject('POST', '/v1/training-jobs/x/cancel', { ...reader }), 403, 'FORBIDDEN')
  })

  it('are not needed for health and contract', async () => {
    for (const url of ['/healthz', '/readyz', '/openapi.json', '/docs/'])
      expect((await inject('GET', url)).statusCode, url).toBe(200)
    expect((await inject('GET', '/')).headers.location).toBe('/docs')
  })
})

describe('request ids', () => {
  it('are made, and kept when the client sends one', async () => {
    expect((await inject('GET', '/healthz')).headers['x-request-id']).toMatch(/^req_[0-9a-f-]{36}$/)
    expect((await inject('GET', '/healthz', { 'x-request-id': 'trace-1.2_3' })).headers['x-request-id']).toBe(
      'trace-1.2_3',
    )
    expect((await inject('GET', '/healthz', { 'x-request-id': '{"a":1}' })).headers['x-request-id']).toMatch(/^req_/)
  })
})

describe('conditional requests', () => {
  it('answer 304 while nothing has changed', async () => {
    const id = await createJob(scene)
    const url = `/v1/training-jobs/${id}`
    const first = await inject('GET', url, scene.auth)
    const etag = String(first.headers.etag)
    expect(etag).toMatch(/^"[\w-]+"$/)
    for (const candidate of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const second = await inject('GET', url, { ...scene.auth, 'if-none-match': candidate })
      expect([second.statusCode, second.body, second.headers.etag]).toEqual([304, '', etag])
    }
    expect((await inject('GET', url, { ...scene.auth, 'if-none-match': '"other"' })).statusCode).toBe(200)
    await inject('POST', `${url}/cancel`, scene.auth)
    const changed = await inject('GET', url, { ...scene.auth, 'if-none-match': etag })
    expect(changed.statusCode).toBe(200)
    expect(changed.headers.etag).not.toBe(etag)
  })

  it('HEAD has the headers of GET and no body', async () => {
    const [got, head] = [
      await inject('GET', '/v1/datasets', scene.auth),
      await inject('HEAD', '/v1/datasets', scene.auth),
    ]
    expect([head.statusCode, head.body, head.headers.etag]).toEqual([200, '', got.headers.etag])
    expect(Number(head.headers['content-length'])).toBe(Buffer.byteLength(got.body))
  })
})

it('closes at once though a client has connected in advance', async () => {
  const app = await buildApp({ database: scene.database, store: scene.store, queue: { ping: async () => {} } })
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect(Number(port), '127.0.0.1')
  const ended = new Promise((resolve) => socket.on('close', resolve).on('error', () => undefined))
  await new Promise((resolve) => socket.once('connect', resolve))
  await (await fetch(`http://127.0.0.1:${port}/healthz`)).text() // The server has taken the connection by now.
  const begun = Date.now()
  await app.close()
  await ended
  expect(Date.now() - begun).toBeLessThan(2_000)
})

describe('readiness', () => {
  it('names the part that is out of reach, while the process is alive', async () => {
    const database = makeDatabase('postgresql://nobody@127.0.0.1:1/nothing')
    const app = await buildApp({
      database,
      store: scene.store,
      queue: { ping: () => Promise.reject(new Error('down')) },
    })
    try {
      const response = await app.inject({ method: 'GET', url: '/readyz' })
      expect(problemOf(response, 503, 'UNAVAILABLE').detail).toBe('out of reach: database, queue')
      expect(response.headers['retry-after']).toBeDefined()
      expect((await app.inject({ method: 'GET', url: '/healthz' })).statusCode).toBe(200)
      const headers = { authorization: 'Bearer esp_any' }
      problemOf(await app.inject({ method: 'GET', url: '/v1/datasets', headers }), 503, 'UNAVAILABLE')
    } finally {
      await app.close()
      await database.close()
    }
  })

  it('says that all parts answer', async () => {
    expect((await inject('GET', '/readyz')).json()).toEqual({
      status: 'ready',
      checks: { database: 'ok', queue: 'ok', store: 'ok' },
    })
  })
})

it('explains every problem where its type points to', async () => {
  const { type } = (await inject('GET', '/nowhere')).json<{ type: string }>()
  const [path = '', anchor = ''] = type.split('#')
  const page = await inject('GET', path)
  expect(page.headers['content-type']).toContain('text/html')
  expect(anchor).toBe('route-not-found')
  expect(page.body).toContain(`id="${anchor}"`)
})
