import type { Static, TSchema } from 'typebox'
import Value from 'typebox/value'

/** One thing wrong with a value: where (JSON Pointer, RFC 6901) and what. */
export interface FieldError {
  readonly pointer: string
  readonly detail: string
}

/** The value with its defaults, or what is wrong with it. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errors: FieldError[] }

const DISCRIMINATORS = ['kind', 'mode', 'type'] as const
const MAX_ERRORS = 20
/** Far beyond what any schema or Keras model takes; the recursion of cloning and checking stays well within the stack. */
const MAX_DEPTH = 200

/**
 * Checks `input` against `schema`, with every default filled in; the input is not changed. A failed union whose variants
 * carry a literal `kind`, `mode` or `type` is reported for the variant that the input names, not for all of them.
 */
export function parse<S extends TSchema>(schema: S, input: unknown): Parsed<Static<S>> {
  if (isDeeperThan(input, MAX_DEPTH))
    return { ok: false, errors: [{ pointer: '', detail: `is nested more than ${MAX_DEPTH} levels deep` }] }
  const value = Value.Default(schema, Value.Clone(input))
  // Value.Check is a type guard on `unknown`, which narrows to Static<S> only through this cast.
  if (Value.Check(schema, value)) return { ok: true, value: value as Static<S> }
  const errors = errorsOf(schema, value, '')
  return {
    ok: false,
    errors: errors.length > 0 ? errors.slice(0, MAX_ERRORS) : [{ pointer: '', detail: 'does not match the schema' }],
  }
}

/** Level by level, so that the depth of the value costs no stack. */
function isDeeperThan(input: unknown, limit: number): boolean {
  let level: unknown[] = [input]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []))
  }
  return false
}

interface Node {
  readonly anyOf?: Node[]
  readonly type?: string
  readonly properties?: Record<string, Node>
  readonly patternProperties?: Record<string, Node>
  readonly additionalProperties?: boolean | TSchema
  readonly required?: readonly string[]
  readonly items?: Node
  readonly const?: unknown
  readonly enum?: unknown[]
}

/** Walks objects, arrays and unions itself, so that a union can be narrowed; leaves the rest to TypeBox. */
function errorsOf(schema: TSchema, value: unknown, pointer: string): FieldError[] {
  const node = schema as Node
  if (node.enum)
    return [{ pointer, detail: `must be one of: ${node.enum.map((name) => JSON.stringify(name)).join(', ')}` }]
  if (node.anyOf) return unionErrors(node.anyOf, value, pointer)
  if (node.type === 'object' && isObject(value)) return objectErrors(schema, node, value, pointer)
  if (node.type === 'array' && node.items && Array.isArray(value)) {
    const items = node.items as TSchema
    const nested = value.flatMap((item, index) =>
      Value.Check(items, item) ? [] : errorsOf(items, item, `${pointer}/${index}`),
    )
    return nested.length > 0 ? nested : leafErrors(schema, value, pointer)
  }
  return leafErrors(schema, value, pointer)
}

/** Member by member: TypeBox stops after a few errors, and what it reports of the object as a whole would be lost. */
function objectErrors(schema: TSchema, node: Node, value: Record<string, unknown>, pointer: string): FieldError[] {
  const at = (name: string) => `${pointer}/${escapePointer(name)}`
  const errors: FieldError[] = (node.required ?? [])
    .filter((name) => !Object.hasOwn(value, name) || value[name] === undefined)
    .map((name) => ({ pointer: at(name), detail: 'is required' }))
  for (const [name, member] of Object.entries(value)) {
    const property = propertyOf(node, name)
    if (property === undefined) {
      if (refusesOthers(node, member)) errors.push({ pointer: at(name), detail: unknownField(node) })
    } else if (member !== undefined && !Value.Check(property as TSchema, member)) {
      errors.push(...errorsOf(property as TSchema, member, at(name)))
    }
  }
  return errors.length > 0 ? errors : leafErrors(schema, value, pointer)
}

function propertyOf({ properties = {}, patternProperties = {} }: Node, name: string): Node | undefined {
  if (Object.hasOwn(properties, name)) return properties[name]
  return Object.entries(patternProperties).find(([pattern]) => new RegExp(pattern).test(name))?.[1]
}

function refusesOthers({ additionalProperties: others }: Node, member: unknown): boolean {
  return others !== undefined && !(typeof others === 'boolean' ? others : Value.Check(others, member))
}

function unknownField({ properties, patternProperties }: Node): string {
  if (properties) return `unknown field; expected one of: ${Object.keys(properties).join(', ')}`
  return `the name must match ${Object.keys(patternProperties ?? {}).join(' or ')}`
}

function unionErrors(variants: Node[], value: unknown, pointer: string): FieldError[] {
  const key = DISCRIMINATORS.find((name) =>
    variants.every((variant) => variant.properties?.[name]?.const !== undefined),
  )
  if (key === undefined) return [{ pointer, detail: 'matches none of the allowed forms' }]
  if (!isObject(value)) return [{ pointer, detail: 'must be an object' }]
  const named = variants.find((variant) => variant.properties?.[key]?.const === value[key])
  if (named) return errorsOf(named as TSchema, Value.Default(named as TSchema, value), pointer)
  const allowed = variants.map((variant) => JSON.stringify(variant.properties?.[key]?.const)).join(', ')
  return [
    {
      pointer: `${pointer}/${key}`,
      detail: value[key] === undefined ? `is required; one of: ${allowed}` : `must be one of: ${allowed}`,
    },
  ]
}

function leafErrors(schema: TSchema, value: unknown, pointer: string): FieldError[] {
  return Value.Errors(schema, value).map((error) => ({ pointer: pointer + error.instancePath, detail: error.message }))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
