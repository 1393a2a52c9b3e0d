import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { emptyReport } from '../support/reports.js'
import { createJob, problemOf } from './answers.js'
import { type Scene, startScene } from './scene.js'

let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene?.close())

const get = (id: string, headers: Readonly<Record<string, string>> = {}) =>
  scene.app.inject({ url: `/v1/training-jobs/${id}/reports/clipping`, headers: { ...scene.auth, ...headers } })
const claimed = async (id: string) => {
  const claim = await scene.attempts.claim(id, 'worker', 60_000)
  if (!claim) throw new Error('not claimed')
  return claim
}

describe('GET /v1/training-jobs/{id}/reports/clipping', () => {
  it('is 404 with a code of its own until the first report, saying when it comes', async () => {
    const id = await createJob(scene, { checkpoints: { everySteps: 70 } })
    const queued = problemOf(await get(id), 404, 'REPORT_NOT_READY')
    expect(queued.detail).toMatch(/is queued; .* every 70 steps/)
    expect(queued.retryable).toBe(true)
    const claim = await claimed(id)
    expect(problemOf(await get(id), 404, 'REPORT_NOT_READY').detail).toContain('is running; ')
    await scene.attempts.fail(claim, { code: 'DIVERGED', message: 'x', step: 0 })
    const ended = problemOf(await get(id), 404, 'REPORT_NOT_MADE')
    expect(ended.detail).toContain('is over (failed)')
    expect(ended.retryable).toBe(false)
  })

  it('gives the newest report, with an ETag that changes with it', async () => {
    const id = await createJob(scene)
    const claim = await claimed(id)
    await scene.attempts.saveReport(claim, 'clipping', 10, emptyReport(10))
    const first = await get(id)
    expect([first.statusCode, first.json()]).toEqual([200, emptyReport(10)])
    const etag = String(first.headers.etag)
    expect(etag).toMatch(/^"[\w-]+"$/)
    expect((await get(id, { 'if-none-match': etag })).statusCode).toBe(304)
    await scene.attempts.saveReport(claim, 'clipping', 20, emptyReport(20))
    const second = await get(id, { 'if-none-match': etag })
    expect([second.statusCode, second.json()]).toEqual([200, emptyReport(20)])
  })

  it('is hidden from other projects and from keys without the scope', async () => {
    const id = await createJob(scene)
    await scene.attempts.saveReport(await claimed(id), 'clipping', 1, emptyReport(1))
    problemOf(await get(id, scene.otherAuth), 404, 'JOB_NOT_FOUND')
    problemOf(await get('job_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69'), 404, 'JOB_NOT_FOUND')
    problemOf(await get(id, await scene.keyWith(['datasets:read'])), 403, 'FORBIDDEN')
    problemOf(await get('job_1'), 400, 'REQUEST_INVALID')
  })
})

describe('GET /v1/training-jobs/{id}/reports/pruning', () => {
  const getPruning = (id: string) =>
    scene.app.inject({ url: `/v1/training-jobs/${id}/reports/pruning`, headers: scene.auth })

  it('says why there is none: no pruning in the spec, or the job has not ended', async () => {
    const plain = await createJob(scene)
    expect(problemOf(await getPruning(plain), 404, 'REPORT_NOT_MADE').detail).toMatch(/its spec has no pruning/)
    const pruning = { schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 1 } }
    const pruned = await createJob(scene, { pruning })
    expect(problemOf(await getPruning(pruned), 404, 'REPORT_NOT_READY').detail).toMatch(/is queued; .* at its end/)
  })
})

describe('GET /v1/training-jobs/{id}/reports/sensitivity', () => {
  const getSensitivity = (id: string) =>
    scene.app.inject({ url: `/v1/training-jobs/${id}/reports/sensitivity`, headers: scene.auth })

  it('says why there is none: the job trains', async () => {
    const training = await createJob(scene)
    expect(problemOf(await getSensitivity(training), 404, 'REPORT_NOT_MADE').detail).toMatch(/kind sensitivity-scan/)
  })

  it('comes at the end of a scan, which has no clipping report', async () => {
    const id = await createJob(scene)
    // As it would be stored of a finished model, which there is none of here.
    const where = { id }
    const { trainingJob } = scene.database.prisma
    const { spec } = await trainingJob.findUniqueOrThrow({ where })
    await trainingJob.update({ where, data: { spec: { ...Object(spec), kind: 'sensitivity-scan' } } })
    expect(problemOf(await getSensitivity(id), 404, 'REPORT_NOT_READY').detail).toMatch(/is queued; .* at its end/)
    expect(problemOf(await get(id), 404, 'REPORT_NOT_MADE').detail).toMatch(/no gradients to clip/)
    await scene.attempts.fail(await claimed(id), { code: 'TIME_LIMIT', message: 'x', step: 3 })
    expect(problemOf(await getSensitivity(id), 404, 'REPORT_NOT_MADE').detail).toContain('is over (failed)')
  })
})
