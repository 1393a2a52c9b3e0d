import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildApp } from '../../src/api/app.js'
import { type EventSource, streamEvents } from '../../src/api/event-stream.js'
import type { JobEvent } from '../../src/contracts/event.js'
import type { JobProgress } from '../../src/contracts/training-job.js'
import { RESULT } from '../support/jobs.js'
import { createJob, pointersOf, problemOf } from './answers.js'
import { type Scene, startScene } from './scene.js'

const PROGRESS: JobProgress = {
  step: 7,
  steps: 20,
  epoch: 1,
  loss: 0.5,
  accuracy: 0.75,
  gradientNorm: 1.5,
  clippedStepShare: 0,
  sparsity: 0,
  stepsPerSecond: 100,
  etaSeconds: 0.13,
}

let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene?.close())

async function claimedJob() {
  const id = await createJob(scene)
  const claim = await scene.attempts.claim(id, 'worker', 60_000)
  if (!claim) throw new Error('not claimed')
  return { id, claim }
}

/** Opens the stream over a real socket. */
async function open(id: string, headers: Record<string, string> = {}, query = '') {
  const abort = new AbortController()
  const response = await fetch(`${await scene.listen()}/v1/training-jobs/${id}/events${query}`, {
    headers: { ...scene.auth, accept: 'text/event-stream', ...headers },
    signal: abort.signal,
  })
  let text = ''
  const ended = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true })
  })()
  ended.catch(() => undefined) // The test that leaves makes it fail.
  const until = async (part: string) => {
    for (const end = Date.now() + 5_000; Date.now() < end; await sleep(5)) if (text.includes(part)) return
    throw new Error(`${part} never came; there is ${text}`)
  }
  return { response, text: () => text, ended, until, leave: () => abort.abort() }
}
const idsOf = (text: string) => [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]))
const typesOf = (text: string) => [...text.matchAll(/^event: (.+)$/gm)].map((match) => match[1])

describe('the stream', () => {
  it('replays, goes on live with progress, and ends after the event that ends the job', async () => {
    const { id, claim } = await claimedJob()
    const stream = await open(id)
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(stream.response.headers.get('cache-control')).toContain('no-cache')
    await stream.until('attempt.started')
    await scene.attempts.saveProgress(claim, PROGRESS)
    await stream.until('event: progress')
    await scene.attempts.addEvent(claim, 'pruning.updated', { step: 5, text: 'two\nlines' })
    await stream.until('pruning.updated')
    await scene.attempts.succeed(claim, RESULT)
    await stream.ended
    expect(idsOf(stream.text())).toEqual([1, 2, 3, 4])
    expect(typesOf(stream.text())).toEqual([
      'job.created',
      'attempt.started',
      'progress',
      'pruning.updated',
      'job.succeeded',
    ])
    const [, progress] = /event: progress\ndata: (.*)\n\n/.exec(stream.text()) ?? []
    expect(JSON.parse(progress ?? '')).toEqual(PROGRESS)
    const last = stream.text().trim().split('\n').at(-1)?.slice('data: '.length)
    expect(JSON.parse(last ?? '')).toMatchObject({ sequence: 4, type: 'job.succeeded' })
  })

  it('goes on after Last-Event-ID, or after the number in the query', async () => {
    const { id, claim } = await claimedJob()
    await scene.attempts.addEvent(claim, 'pruning.updated', { step: 5 })
    await scene.attempts.succeed(claim, RESULT)
    for (const [headers, query, expected] of [
      [{ 'last-event-id': '2' }, '', [3, 4]],
      [{}, '?after=3', [4]],
      [{ 'last-event-id': '2' }, '?after=3', [3, 4]], // What a client that comes back has seen counts, not what it began with.
      [{ 'last-event-id': '' }, '', [1, 2, 3, 4]],
    ] as const) {
      const stream = await open(id, headers, query)
      await stream.ended
      expect(idsOf(stream.text())).toEqual(expected)
    }
  })

  it.each(['4', '2147483647', '9999999999'])(
    'tells a client that has seen event %s of a finished job to stay away',
    async (last) => {
      const { id, claim } = await claimedJob()
      await scene.attempts.addEvent(claim, 'pruning.updated', { step: 5 })
      await scene.attempts.succeed(claim, RESULT)
      expect((await open(id, { 'last-event-id': last })).response.status).toBe(204)
    },
  )

  it('sends comments while nothing happens', async () => {
    const { id, claim } = await claimedJob()
    const stream = await open(id)
    await stream.until('\n\n: ')
    await scene.attempts.fail(claim, { code: 'TRAINER_DIED', message: 'gone', step: 3 })
    await stream.ended
    expect(typesOf(stream.text()).at(-1)).toBe('job.failed')
  })

  it('stops reading the database when the client leaves', async () => {
    const { id } = await claimedJob()
    const reads = vi.spyOn(scene.app.context.jobLog, 'events')
    try {
      const stream = await open(id)
      await stream.until('attempt.started')
      const whileOpen = reads.mock.calls.length
      await vi.waitFor(() => expect(reads.mock.calls.length).toBeGreaterThan(whileOpen + 2))
      stream.leave()
      await sleep(150)
      const afterwards = reads.mock.calls.length
      await sleep(200) // Ten polls.
      expect(reads.mock.calls.length).toBe(afterwards)
    } finally {
      reads.mockRestore()
    }
  })

  it('does not keep the app from closing', async () => {
    const { id } = await claimedJob()
    const { database, store } = scene
    const app = await buildApp({ database, store, queue: { ping: async () => {} } })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const response = await fetch(`${url}/v1/training-jobs/${id}/events`, {
      headers: { ...scene.auth, accept: 'text/event-stream' },
    })
    const text = response.text()
    await sleep(100)
    const begun = Date.now()
    await app.close()
    expect(Date.now() - begun).toBeLessThan(2_000)
    expect(typesOf(await text)).toEqual(['job.created', 'attempt.started'])
  })
})

describe('streamEvents', () => {
  const event = (sequence: number, type: JobEvent['type'] = 'pruning.updated'): JobEvent => ({
    sequence,
    type,
    attempt: 1,
    data: {},
    at: '2026-01-01T00:00:00.000Z',
  })

  it('delivers every event once, in order, whenever they come to be', async () => {
    const all = [...Array.from({ length: 450 }, (_, index) => event(index + 1)), event(451, 'job.succeeded')]
    let written = 0
    const source: EventSource = {
      job: async () => ({ status: 'running', progress: null }),
      events: async (after, limit) => {
        written = Math.min(all.length, written + 130) // More than a batch may have come since the last look.
        return all.slice(after, Math.min(written, after + limit))
      },
    }
    let text = ''
    for await (const part of streamEvents(source, 0, { pollMs: 1, heartbeatMs: 1000 }, new AbortController().signal))
      text += part
    expect(idsOf(text)).toEqual(all.map(({ sequence }) => sequence))
  })

  it('sends progress only when it changed', async () => {
    const steps = [1, 1, 2, 2, 2]
    const source: EventSource = {
      job: async () => {
        const step = steps.shift()
        return step === undefined
          ? { status: 'cancelled', progress: null }
          : { status: 'running', progress: { ...PROGRESS, step } }
      },
      events: async () => [],
    }
    let text = ''
    for await (const part of streamEvents(source, 9, { pollMs: 1, heartbeatMs: 1000 }, new AbortController().signal))
      text += part
    expect([...text.matchAll(/"step":(\d+)/g)].map((match) => Number(match[1]))).toEqual([1, 2])
  })
})

describe('the page', () => {
  const page = (id: string, query = '') =>
    scene.app.inject({ method: 'GET', url: `/v1/training-jobs/${id}/events${query}`, headers: scene.auth })

  it('pages through all events in order', async () => {
    const { id, claim } = await claimedJob()
    for (let step = 0; step < 5; step++) await scene.attempts.addEvent(claim, 'pruning.updated', { step })
    const first = (await page(id, '?limit=3')).json()
    expect([first.data.map((event: JobEvent) => event.sequence), first.hasMore]).toEqual([[1, 2, 3], true])
    const second = (await page(id, `?limit=4&cursor=${first.nextCursor}`)).json()
    expect(second.data.map((event: JobEvent) => event.sequence)).toEqual([4, 5, 6, 7])
    expect([second.hasMore, second.nextCursor]).toEqual([false, null])
    expect((await page(id, '?after=6')).json().data).toHaveLength(1)
  })

  it.each(['cursor=nonsense', 'cursor=ZXZlbnQ6OTk5OTk5OTk5OQ', 'cursor=ZXZlbnQ6LTE'])('refuses ?%s', async (query) => {
    const { id } = await claimedJob()
    expect(pointersOf(problemOf(await page(id, `?${query}`), 400, 'CURSOR_INVALID'))).toEqual(['/cursor'])
  })

  it('refuses a Last-Event-ID that is no number', async () => {
    const { id } = await claimedJob()
    const headers = { ...scene.auth, 'last-event-id': 'abc' }
    problemOf(
      await scene.app.inject({ method: 'GET', url: `/v1/training-jobs/${id}/events`, headers }),
      400,
      'CURSOR_INVALID',
    )
  })

  it('refuses ?after=-1', async () => {
    const { id } = await claimedJob()
    expect(pointersOf(problemOf(await page(id, '?after=-1'), 400, 'REQUEST_INVALID'))).toEqual(['/after'])
  })
})
