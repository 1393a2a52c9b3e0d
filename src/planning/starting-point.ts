import { type Static, Type } from 'typebox'
import { LayersModel } from '../contracts/model.js'
import { type FieldError, parse } from '../contracts/parse.js'
import type { Finding } from './finding.js'

const Numbers = Type.Array(Type.Number(), { minItems: 1 })
const Normalization = Type.Object({ mean: Numbers, deviation: Numbers })
/** In float64; one entry a column of a table or a channel of an image. x' = (x − mean) / deviation; a deviation is 1 for an entry that never changes. */
export type Normalization = Readonly<{ [K in keyof Static<typeof Normalization>]: readonly number[] }>

/** A finished model to start from: its layers as they were delivered, and how its inputs were normalized. Its weights are a file of their own. */
export interface StartingPoint {
  readonly model: LayersModel
  /** Null: they were taken as they are. Absent, of an uploaded model: as the spec says. */
  readonly normalization?: Normalization | null
}

/** Where a finished model is named in the spec. */
export const SOURCE_POINTERS: readonly string[] = ['/model/jobId', '/model/modelId']
export const sourcePointer = ({ modelId }: { readonly modelId?: string }): string =>
  modelId === undefined ? '/model/jobId' : '/model/modelId'

const Report = Type.Object({
  model: LayersModel,
  preprocessing: Type.Object({ normalization: Type.Union([Normalization, Type.Null()]) }),
})

/** What the report.json of a job says of its model. Fields of layers that a former version did not know get their defaults. */
export function readStartingPoint(report: Uint8Array): StartingPoint | { readonly errors: readonly FieldError[] } {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(report))
  } catch {
    return { errors: [{ pointer: '', detail: 'is not JSON' }] }
  }
  const parsed = parse(Report, value)
  if (!parsed.ok) return { errors: parsed.errors }
  return { model: parsed.value.model, normalization: parsed.value.preprocessing.normalization }
}

/** The spec of a job as its model wants it: inputs that the source took as they are stay what they are. */
export function withNormalizationOf<S extends { readonly normalization: 'standardize' | 'none' }>(
  spec: S,
  start: StartingPoint | null,
): S {
  return start !== null && start.normalization === null ? { ...spec, normalization: 'none' } : spec
}

/** Statistics that are not those of data of this shape. */
export function checkStart(
  { normalization }: { readonly normalization: 'standardize' | 'none' },
  start: StartingPoint | null,
  exampleShape: readonly number[],
): Finding[] {
  const entries = start?.normalization?.mean.length
  const given = exampleShape.at(-1) ?? 1
  if (normalization === 'none' || entries === undefined || entries === given) return []
  const detail = `its inputs were normalized by ${entries} columns or channels, and the dataset has ${given}; take a dataset of the same shape, or set normalization to "none"`
  return [{ code: 'SPEC_INVALID', pointer: '/model/jobId', detail }]
}
