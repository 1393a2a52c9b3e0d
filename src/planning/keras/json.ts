import { EspalierError } from '../../errors.js'

export type Json = Readonly<Record<string, unknown>>

/** A layer inside a wrapper inside a model needs about twelve levels. */
const MAX_DEPTH = 32
/** About two hundred for each of 500 layers. */
const MAX_VALUES = 100_000
/** Keys that mean something to JavaScript, and nothing to Keras. */
const REFUSED_KEYS: readonly string[] = ['__proto__', 'constructor', 'prototype']

/** Where a value of a topology stands, and which Keras wrote it. */
export interface Place {
  /** JSON Pointer (RFC 6901) into the spec. */
  readonly pointer: string
  readonly dialect: 2 | 3
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The member of that name that the object itself has. */
export function member(object: unknown, key: string): unknown {
  return isJson(object) && Object.hasOwn(object, key) ? object[key] : undefined
}

export function inside(place: Place, key: string | number): Place {
  return { ...place, pointer: `${place.pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}` }
}

export function problemAt({ pointer }: Pick<Place, 'pointer'>, detail: string): EspalierError {
  return new EspalierError('SPEC_INVALID', detail, [{ pointer, detail }])
}

/** What a message shows of a value that somebody sent. */
export function excerpt(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

/**
 * @throws SPEC_INVALID at a value that is nested too deeply, at a key that JavaScript would take for its own, and if there are too many values.
 */
export function refuseOutsized(topology: Json, place: Place): void {
  const waiting: { value: unknown; depth: number; at: Place }[] = [{ value: topology, depth: 0, at: place }]
  let values = 0
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { value, depth, at } = next
    if (++values > MAX_VALUES)
      throw problemAt(place, `has more than ${MAX_VALUES} values; at most 500 layers can be taken over`)
    if (typeof value !== 'object' || value === null) continue
    if (depth >= MAX_DEPTH) throw problemAt(at, `is nested more than ${MAX_DEPTH} levels deep`)
    for (const key of Object.keys(value)) {
      if (REFUSED_KEYS.includes(key)) throw problemAt(inside(at, key), `'${key}' is no key of Keras; leave it out`)
      waiting.push({ value: member(value, key) ?? itemOf(value, key), depth: depth + 1, at: inside(at, key) })
    }
  }
}

function itemOf(value: object, key: string): unknown {
  return Array.isArray(value) ? value[Number(key)] : undefined
}
