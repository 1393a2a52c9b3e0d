import type { SensitivityReport } from '../../../src/contracts/sensitivity-report.js'
import { decodeSafetensors, type StoredTensors } from '../../../src/formats/safetensors.js'
import { buildModel } from '../../../src/ml/models/model.js'
import { scan } from '../../../src/ml/sensitivity/scan.js'
import type { Start, TrainOptions, TrainOutcome } from '../../../src/ml/training.js'
import { expandModel } from '../../../src/planning/presets.js'
import { readStartingPoint } from '../../../src/planning/starting-point.js'
import { specOf } from '../../planning/fixtures.js'
import { moonSpec, optionsFor, type Recorded, recorder } from '../fixtures.js'
import { abortingAfter, finished } from '../runs.js'

type Fields = Record<string, unknown>

export const ARTIFACT = { kind: 'artifact', jobId: 'job_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69' }

/** A network that has learnt the half-moons, 2 → 16 tanh → 16 relu → 2, as its job has delivered it. */
export async function trained(changes: Fields = {}): Promise<Start> {
  const { recorded } = await finished({ spec: moonSpec(changes) })
  const file = (name: string) => recorded.artifacts.get(name) ?? new Uint8Array()
  const point = readStartingPoint(file('report.json'))
  if ('errors' in point) throw new Error(JSON.stringify(point.errors))
  return { ...point, weights: decodeSafetensors(file('weights.safetensors')).tensors }
}

/** A network of these layers, as drawn by seed 0. */
export function drawn(layers: readonly Fields[]): Start {
  const { model } = specOf({ model: { kind: 'layers', inputShape: [2], layers } })
  const { pointers: _, ...network } = expandModel(model)
  const weights: StoredTensors = buildModel(network, 'sparse-categorical-crossentropy').initialize(0)
  return { model: network, normalization: null, weights }
}

export function scanOptions(
  recorded: Recorded,
  start: Start,
  fields: Fields = {},
  changes: Partial<TrainOptions> = {},
): TrainOptions {
  const spec = specOf({ kind: 'sensitivity-scan', model: ARTIFACT, seed: 3, ...fields })
  return optionsFor(recorded, { spec, start, ...changes })
}

/** A scan that succeeds: its report, and what it told. */
export async function scanned(start: Start, fields: Fields = {}, changes: Partial<TrainOptions> = {}) {
  const recorded = recorder()
  const outcome = await scan(scanOptions(recorded, start, fields, changes))
  if (outcome.kind !== 'succeeded') throw new Error(`stopped at ${outcome.step}`)
  return { report: reportOf(recorded), result: outcome.result, recorded }
}

/** A scan that is stopped when it looks at its signal after `looks` looks: once before each measurement and each batch of one. */
export async function stoppedScan(start: Start, fields: Fields, looks: number, reason = 'shutdown') {
  const recorded = recorder()
  const signal = abortingAfter(looks, reason)
  const outcome: TrainOutcome = await scan(scanOptions(recorded, start, fields, { signal }))
  if (outcome.kind !== 'stopped') throw new Error('it was not stopped')
  return { step: outcome.step, checkpoint: recorded.checkpoints.get(outcome.step), recorded }
}

function reportOf({ reports }: Recorded): SensitivityReport {
  const [first, ...others] = reports
  if (first?.kind !== 'sensitivity' || others.length > 0) throw new Error('there is not exactly one report')
  return first.body as SensitivityReport // of this kind
}
