import { afterAll, beforeAll, expect, it } from 'vitest'
import { decodeSafetensors, encodeSafetensors } from '../../src/formats/safetensors.js'
import { openScene, type Scene } from './scene.js'

let scene: Scene
beforeAll(async () => {
  scene = await openScene()
})
afterAll(() => scene?.close())

it('a label that is no class fails the job at its first attempt, and the message names the row', async () => {
  const id = await scene.submit({ steps: 10 })
  const { spec } = await scene.get(id)
  const key = `datasets/${spec.datasetId}.safetensors`
  const { tensors } = decodeSafetensors(await scene.store.get(key))
  const labels = tensors['train.labels']
  if (!(labels?.values instanceof Int32Array)) throw new Error('the labels are classes')
  labels.values[7] = 2
  await scene.store.put(key, encodeSafetensors(tensors))
  await scene.startWorker('w')
  const { status, attempt, failure } = await scene.untilEnded(id)
  expect([status, attempt]).toEqual(['failed', 1])
  expect(failure).toEqual({
    code: 'DATASET_INVALID',
    message: expect.stringContaining('row 7: label 2 is none of the 2 classes'),
    step: null,
  })
})
