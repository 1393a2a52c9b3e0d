import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeId } from '../../src/contracts/ids.js'
import { makeApiKeys } from '../../src/db/api-keys.js'
import { makeModels } from '../../src/db/models.js'
import { decodeSafetensors, encodeSafetensors } from '../../src/formats/safetensors.js'
import { readStartingPoint, type StartingPoint } from '../../src/planning/starting-point.js'
import { openScene, type Scene } from './scene.js'

let scene: Scene
beforeAll(async () => {
  scene = await openScene()
})
afterAll(() => scene?.close())

const fileOf = async (id: string, name: string) => {
  const key = (await scene.log.artifact(id, name))?.key ?? ''
  return { key, bytes: await scene.store.get(key) }
}
const startOf = async (id: string): Promise<StartingPoint> => {
  const start = readStartingPoint((await fileOf(id, 'report.json')).bytes)
  if ('errors' in start) throw new Error(JSON.stringify(start.errors))
  return start
}
/** Steps so small that no float32 weight changes. */
const STILL = { optimizer: { kind: 'sgd', learningRate: 1e-30 }, steps: 1 }

it('a job from the model of another begins with its weights and its normalization, and prunes it at once to a smaller file', async () => {
  const worker = await scene.startWorker('one')
  const source = await scene.submit({ steps: 40, validation: { fraction: 0.25 } })
  const { result } = await scene.untilEnded(source)
  const start = await startOf(source)
  const model = { kind: 'artifact', jobId: source }

  const same = await scene.untilEnded(await scene.submit({ ...STILL, model, validation: { fraction: 0.25 } }, start))
  expect(same).toMatchObject({ status: 'succeeded', failure: null })
  expect(same.result?.validation).toEqual(result?.validation)
  expect(same.result?.weightsSha256).toBe(result?.weightsSha256)

  const pruning = {
    schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 0 },
    granularity: { kind: 'neuron' },
    exclude: ['dense-2'],
  }
  const pruned = await scene.untilEnded(await scene.submit({ ...STILL, model, pruning }, start))
  expect(pruned).toMatchObject({ status: 'succeeded', failure: null })
  const shapes = Object.entries(decodeSafetensors((await fileOf(pruned.id, 'weights.safetensors')).bytes).tensors)
  expect(Object.fromEntries(shapes.map(([name, { shape }]) => [name, shape]))).toEqual({
    'dense-1/kernel': [2, 4],
    'dense-1/bias': [4],
    'dense-2/kernel': [4, 2],
    'dense-2/bias': [2],
  })
  await worker.close()
})

it('a job whose source has lost or changed its weights fails at the first attempt and says so', async () => {
  const worker = await scene.startWorker('one')
  const source = await scene.submit({ steps: 4 })
  await scene.untilEnded(source)
  const start = await startOf(source)
  const { key, bytes } = await fileOf(source, 'weights.safetensors')
  const changed = decodeSafetensors(bytes).tensors['dense-1/bias']
  const ending = async () => {
    const job = await scene.untilEnded(
      await scene.submit({ ...STILL, model: { kind: 'artifact', jobId: source } }, start),
    )
    return [job.status, job.attempt, job.failure?.code, job.failure?.message]
  }
  await scene.store.put(key, encodeSafetensors(changed ? { 'dense-1/bias': changed } : {}))
  expect(await ending()).toEqual([
    'failed',
    1,
    'MODEL_INVALID',
    'the file of the weights of the model is not what was stored: its SHA-256 is another one',
  ])
  await scene.store.delete(key)
  expect(await ending()).toEqual(['failed', 1, 'MODEL_INVALID', 'the file of the weights of the model is not there'])
  await worker.close()
})

it('a job from an uploaded model begins with its weights', async () => {
  const worker = await scene.startWorker('one')
  const source = await scene.submit({ steps: 20 })
  const { result } = await scene.untilEnded(source)
  const start = await startOf(source)
  const id = makeId('mdl')
  const key = `models/${id}.safetensors`
  const stored = await scene.store.put(key, (await fileOf(source, 'weights.safetensors')).bytes)
  const row = { id, name: 'net', format: 'safetensors' as const, model: start.model, parameters: 42, key, ...stored }
  await makeModels(scene.database).create(await makeApiKeys(scene.database).ensureDefaultProject(), row)
  const job = await scene.untilEnded(
    await scene.submit({ ...STILL, model: { kind: 'artifact', modelId: id } }, { model: start.model }),
  )
  expect(job).toMatchObject({ status: 'succeeded', failure: null, result: { weightsSha256: result?.weightsSha256 } })
  await worker.close()
})
