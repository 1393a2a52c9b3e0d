import { afterAll, beforeAll, expect, it } from 'vitest'
import type { SensitivityReport } from '../../src/contracts/sensitivity-report.js'
import { makeJobReports } from '../../src/db/reports.js'
import { readStartingPoint } from '../../src/planning/starting-point.js'
import { openScene, recordedSteps, type Scene, until } from './scene.js'

let scene: Scene
beforeAll(async () => {
  scene = await openScene()
})
afterAll(() => scene?.close())

/** Fields of the scene that a scan refuses. */
const SCAN = { kind: 'sensitivity-scan', optimizer: undefined, engine: undefined }

async function fileOf(job: string, name: string): Promise<Uint8Array> {
  return scene.store.get((await scene.log.artifact(job, name))?.key ?? '')
}

/** A job that has trained, and what submits a scan of its network. */
async function trained(changes: Record<string, unknown> = {}) {
  const jobId = await scene.submit({ steps: 200, exports: ['safetensors'], ...changes })
  const job = await scene.untilEnded(jobId)
  if (job.failure) throw new Error(job.failure.message)
  const start = readStartingPoint(await fileOf(jobId, 'report.json'))
  if ('errors' in start) throw new Error(JSON.stringify(start.errors))
  const model = { kind: 'artifact', jobId }
  return { job, submitScan: (scan: object) => scene.submit({ ...SCAN, model, scan }, start) }
}

const reportOf = (id: string): Promise<SensitivityReport | null> =>
  makeJobReports(scene.database).get(id, 'sensitivity')

it('a scan runs like any job: its report, its series, its file; nothing is trained', async () => {
  const worker = await scene.startWorker('one')
  const source = await trained()
  const id = await source.submitScan({ sparsities: [0.5, 0.9] })
  const job = await scene.untilEnded(id)
  // The dense network, two layers and both at two sparsities, and what they tolerate.
  const measurements = 1 + 3 * 2 + 1
  expect(job).toMatchObject({ status: 'succeeded', failure: null, result: { steps: measurements } })
  expect(job.result?.weightsSha256).toBe(source.job.result?.weightsSha256)
  expect(job.progress).toMatchObject({ step: measurements, steps: measurements })

  const report = await reportOf(id)
  expect(report?.layers.map(({ layer, points }) => [layer, points.map(({ removed }) => removed)])).toEqual([
    ['dense-1', [8, 14]],
    ['dense-2', [8, 14]],
  ])
  const [loss] = await scene.log.metrics(id, { names: ['loss'] })
  expect(loss?.steps).toEqual(Array.from({ length: measurements }, (_, step) => step))
  expect(loss?.values[0]).toBe(report?.dense.loss)

  expect((await scene.log.artifacts(id)).map(({ name }) => name)).toEqual(['sensitivity.json'])
  expect(JSON.parse(new TextDecoder().decode(await fileOf(id, 'sensitivity.json')))).toEqual(report)
  await worker.close()
})

it('a scan that a shutdown interrupts goes on with another worker, to the same report', async () => {
  const first = await scene.startWorker('first')
  const wide = ['relu', 'relu', 'linear'].map((activation, layer) => ({
    type: 'dense',
    units: layer < 2 ? 400 : 2,
    activation,
  }))
  const source = await trained({ steps: 5, model: { kind: 'layers', inputShape: [2], layers: wide } })
  const scan = { sparsities: Array.from({ length: 100 }, (_, index) => (index + 0.5) / 100) }
  const undisturbed = await source.submitScan(scan)
  await scene.untilEnded(undisturbed)
  const id = await source.submitScan(scan)
  await until('measurements', async () => ((await scene.get(id)).progress?.step ?? 0) > 0 || undefined)
  await first.close()

  const interrupted = await scene.get(id)
  expect(interrupted.status).toBe('queued')
  const second = await scene.startWorker('second')
  expect(await scene.untilEnded(id)).toMatchObject({ status: 'succeeded', attempt: 2 })
  const begun = await scene.untilEvent(id, ({ type, attempt }) => type === 'attempt.started' && attempt === 2)
  expect(begun.data.resumedFromStep).toBeGreaterThan(0)
  expect(await reportOf(id)).toEqual(await reportOf(undisturbed))
  expect(await recordedSteps(scene.log, id)).toEqual(Array.from({ length: 402 }, (_, step) => step))
  await second.close()
})
