import type { DatasetSchema } from '../../src/contracts/dataset.js'
import { parse } from '../../src/contracts/parse.js'
import { TrainingJobSpec } from '../../src/contracts/training-job-spec.js'
import { EspalierError } from '../../src/errors.js'
import { fillDefaults, type PlannedSpec } from '../../src/planning/planned-spec.js'

/** A spec as the api would hand it on: parsed, defaults filled in. */
export function specOf(fields: Record<string, unknown> = {}): TrainingJobSpec {
  const parsed = parse(TrainingJobSpec, {
    datasetId: 'ds_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69',
    model: { kind: 'preset', name: 'lenet-300-100' },
    ...fields,
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return parsed.value
}

/** The same with the defaults that depend on the data, of class labels here. */
export function filledSpecOf(fields: Record<string, unknown> = {}): PlannedSpec {
  return fillDefaults(specOf(fields), mnist, 10, 1000)
}

export const mnist: DatasetSchema = {
  exampleShape: [28, 28, 1],
  featureType: 'uint8',
  columns: null,
  target: { kind: 'classes', names: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] },
  trainRows: 60_000,
  testRows: 10_000,
}

export const houses: DatasetSchema = {
  exampleShape: [3],
  featureType: 'float32',
  columns: ['rooms', 'area', 'age'],
  target: { kind: 'number', size: 1 },
  trainRows: 10,
  testRows: 0,
}

/** The error that an action ends with; none is an error too. */
export function caught(action: () => unknown): EspalierError {
  try {
    action()
  } catch (error) {
    if (error instanceof EspalierError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
