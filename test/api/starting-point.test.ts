import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RESULT } from '../support/jobs.js'
import { createDataset, createJob, pointersOf, postJob, problemOf, specFor } from './answers.js'
import { type Scene, startScene } from './scene.js'

const LAYERS = [
  { type: 'dense', name: 'hidden', units: 5, activation: 'relu' },
  { type: 'dense', name: 'output', units: 3, activation: 'softmax' },
]
const NORMALIZATION = { mean: [2, 3], deviation: [1, 2] }
const reportOf = (normalization: unknown, layers: unknown = LAYERS) =>
  JSON.stringify({ model: { kind: 'layers', inputShape: [2], layers }, preprocessing: { normalization } })

let scene: Scene
let datasetId: string
beforeAll(async () => {
  scene = await startScene()
  datasetId = await createDataset(scene)
})
afterAll(() => scene?.close())

/** A job that has succeeded and left these files. */
async function finishedJob(files: Readonly<Record<string, string>>): Promise<string> {
  const id = await createJob(scene)
  const claim = await scene.attempts.claim(id, 'worker', 60_000)
  if (!claim) throw new Error('not claimed')
  for (const [name, text] of Object.entries(files)) {
    const key = `jobs/${id}/1/${name}`
    const stored = await scene.store.put(key, Buffer.from(text))
    await scene.attempts.addArtifact(claim, { name, mediaType: 'application/octet-stream', key, ...stored })
  }
  await scene.attempts.succeed(claim, RESULT)
  return id
}
const delivered = (report: string) => finishedJob({ 'report.json': report, 'weights.safetensors': 'weights' })
const from = (jobId: string, changes: Record<string, unknown> = {}) =>
  specFor(datasetId, { model: { kind: 'artifact', jobId }, ...changes })
const validate = (spec: object, headers = scene.auth) =>
  scene.app.inject({
    method: 'POST',
    url: '/v1/training-jobs?validateOnly=true',
    headers: { ...headers },
    payload: spec,
  })

describe('a job that starts from the model of another', () => {
  it('is planned with the layers that the other has delivered, and claimed with its files', async () => {
    const source = await delivered(reportOf(NORMALIZATION))
    // 2 · 5 + 5 + 5 · 3 + 3
    const plan = await validate(
      from(source, { pruning: { schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 0 } } }),
    )
    expect(plan.json()).toMatchObject({
      parameters: 33,
      layers: [{ name: 'hidden', prunable: true }, { name: 'output' }],
    })
    const response = await postJob(scene, from(source))
    expect(response.statusCode).toBe(202)
    expect(response.json().spec).toMatchObject({
      model: { kind: 'artifact', jobId: source },
      normalization: 'standardize',
      loss: 'sparse-categorical-crossentropy',
    })
    const claim = await scene.attempts.claim(response.json().id, 'worker', 60_000)
    expect(claim?.startFrom).toMatchObject({
      report: { key: `jobs/${source}/1/report.json` },
      weights: { key: `jobs/${source}/1/weights.safetensors`, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    })
  })

  it('takes inputs as they are where the other did', async () => {
    const source = await delivered(reportOf(null))
    expect((await postJob(scene, from(source))).json().spec.normalization).toBe('none')
  })

  const unknownJob = 'job_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69'
  it.each([
    ['does not exist', async () => unknownJob, /there is no training job .* in this project/],
    ['has not ended', () => createJob(scene), /is queued; only one that has succeeded/],
    [
      'has no file of weights',
      () => finishedJob({ 'report.json': reportOf(null) }),
      /has not delivered weights.safetensors: "safetensors" was not among its exports/,
    ],
    ['has a report that is no JSON', () => delivered('{'), /describes no model that this version can read/],
    ['has a layer of no known type', () => delivered(reportOf(null, [{ type: 'lambda' }])), /describes no model/],
    [
      'has statistics of other columns',
      () => delivered(reportOf({ mean: [1, 2, 3], deviation: [1, 1, 1] })),
      /normalized by 3 columns or channels, and the dataset has 2/,
    ],
    [
      'has files that are gone',
      async () => {
        const id = await delivered(reportOf(null))
        await scene.store.delete(`jobs/${id}/1/report.json`)
        return id
      },
      /files of training job .* are not there any more/,
    ],
  ])('is refused where that %s', async (_, source, says) => {
    for (const answer of [await postJob(scene, from(await source())), await validate(from(await source()))]) {
      const problem = problemOf(answer, 422, 'SPEC_INVALID')
      expect(problem.errors).toEqual([{ pointer: '/model/jobId', detail: expect.stringMatching(says) }])
    }
  })

  it('is refused where that is of another project, as if it did not exist', async () => {
    const source = await delivered(reportOf(null))
    const dataset = await createDataset({ ...scene, auth: scene.otherAuth })
    const spec = specFor(dataset, { model: { kind: 'artifact', jobId: source } })
    const problem = problemOf(await validate(spec, scene.otherAuth), 422, 'SPEC_INVALID')
    expect(problem.errors?.[0]?.detail).toMatch(/there is no training job/)
  })

  it.each([
    ['no id', {}, '/model'],
    ['two ids', { jobId: unknownJob, modelId: unknownJob.replace('job', 'mdl') }, '/model'],
    ['a model that does not exist', { modelId: unknownJob.replace('job', 'mdl') }, '/model/modelId'],
    ['an id of another kind', { jobId: 'ds_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69' }, '/model/jobId'],
    ['a further field', { jobId: unknownJob, layers: [] }, '/model/layers'],
  ])('is refused with %s', async (_, fields, pointer) => {
    const answer = await postJob(scene, specFor(datasetId, { model: { kind: 'artifact', ...fields } }))
    expect(pointersOf(problemOf(answer, 422, 'SPEC_INVALID'))).toEqual([pointer])
  })
})
