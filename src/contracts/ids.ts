import { Type } from 'typebox'
import { uuidv7 } from 'uuidv7'

/** Every id is a prefix that names the kind of thing and a UUIDv7 (sortable by creation time): `job_0197…`. */
type IdPrefix = 'job' | 'ds' | 'mdl' | 'prj' | 'key' | 'evt' | 'req'

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'

/** A new id. */
export function makeId(prefix: IdPrefix): string {
  return `${prefix}_${uuidv7()}`
}

export const JobId = Type.String({
  pattern: `^job_${UUID}$`,
  description: 'Id of a training job',
  examples: ['job_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69'],
})
export const DatasetId = Type.String({
  pattern: `^ds_${UUID}$`,
  description: 'Id of a dataset',
  examples: ['ds_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69'],
})
export const ModelId = Type.String({
  pattern: `^mdl_${UUID}$`,
  description: 'Id of an uploaded model',
  examples: ['mdl_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69'],
})
export const Timestamp = Type.String({ format: 'date-time', description: 'RFC 3339, UTC' })
