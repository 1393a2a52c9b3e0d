import type { Static, TSchema } from 'typebox'
import Value from 'typebox/value'
import { describeFault, inWords, isOfRange, typeInWords } from './fault.js'
import { nearestName } from './suggestion.js'

/** One thing wrong with a value: where (JSON Pointer, RFC 6901) and what. */
export interface FieldError {
  readonly pointer: string
  readonly detail: string
}

/** The value with its defaults, or what is wrong with it; `isOutOfRange`: nothing but numbers that would be right if they were smaller or larger. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errors: FieldError[]; readonly isOutOfRange: boolean }

interface Found extends FieldError {
  readonly isOutOfRange?: boolean
}

const DISCRIMINATORS = ['kind', 'mode', 'type'] as const
const MAX_ERRORS = 20
/** Far beyond what any schema or Keras model takes; the recursion of cloning and checking stays well within the stack. */
const MAX_DEPTH = 200
/** Names that mean something to JavaScript. TypeBox leaves them out of what it copies, without a word. */
const RESERVED: readonly string[] = ['__proto__', 'constructor', 'prototype']

/**
 * Checks `input` against `schema`, with every default filled in; the input is not changed. A failed union whose variants
 * carry a literal `kind`, `mode` or `type` is reported for the variant that the input names, not for all of them.
 */
export function parse<S extends TSchema>(schema: S, input: unknown): Parsed<Static<S>> {
  const unfit = findUnfit(input)
  if (unfit) return { ok: false, errors: [unfit], isOutOfRange: false }
  const value = Value.Default(schema, Value.Clone(input))
  // Value.Check is a type guard on `unknown`, which narrows to Static<S> only through this cast.
  if (Value.Check(schema, value)) return { ok: true, value: value as Static<S> }
  const errors = errorsOf(schema, value, '')
  const found = errors.length > 0 ? errors : [{ pointer: '', detail: 'does not match the schema' }]
  return {
    ok: false,
    errors: found.slice(0, MAX_ERRORS).map(({ pointer, detail }) => ({ pointer, detail })),
    isOutOfRange: found.every(({ isOutOfRange = false }) => isOutOfRange),
  }
}

/** What no schema can be asked about. Level by level, so that the depth of the value costs no stack. */
function findUnfit(input: unknown): FieldError | null {
  let level = typeof input === 'object' ? [{ value: input, pointer: '' }] : []
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return { pointer: '', detail: `is nested more than ${MAX_DEPTH} levels deep` }
    const next: typeof level = []
    for (const { value, pointer } of level)
      for (const [name, member] of Object.entries(value ?? {})) {
        if (RESERVED.includes(name))
          return { pointer: inside(pointer, name), detail: `no field may be called '${name}'` }
        if (typeof member === 'object') next.push({ value: member, pointer: inside(pointer, name) })
      }
    level = next
  }
  return null
}

interface Node {
  readonly anyOf?: Node[]
  readonly type?: string
  readonly properties?: Record<string, Node>
  readonly patternProperties?: Record<string, Node>
  readonly additionalProperties?: boolean | TSchema
  readonly required?: readonly string[]
  readonly items?: Node | readonly Node[]
  readonly const?: unknown
  readonly enum?: unknown[]
  readonly description?: string
  readonly examples?: readonly unknown[]
}

/** Walks objects, arrays and unions itself, so that a union can be narrowed; leaves the rest to TypeBox. */
function errorsOf(schema: TSchema, value: unknown, pointer: string): Found[] {
  const node = schema as Node
  if (node.enum) return [{ pointer, detail: oneOf(node.enum, value) }]
  if (node.anyOf) return unionErrors(node.anyOf, value, pointer)
  if (node.type === 'object' && isObject(value)) return objectErrors(schema, node, value, pointer)
  if (node.type === 'array' && node.items && Array.isArray(value))
    return arrayErrors(schema, node.items, value, pointer)
  return leafErrors(schema, value, pointer)
}

/** Entry by entry; `items` is one schema for all, or one for each. */
function arrayErrors(
  schema: TSchema,
  items: Node | readonly Node[],
  value: readonly unknown[],
  pointer: string,
): Found[] {
  const isTuple = Array.isArray(items)
  if (isTuple && items.length !== value.length)
    return [{ pointer, detail: `must have ${items.length} entries, has ${value.length}` }]
  const nested = value.flatMap((item, index) => {
    // An array is either kind of `items`, which isArray does not tell apart for a read-only one.
    const own = (isTuple ? items[index] : items) as TSchema
    return Value.Check(own, item) ? [] : errorsOf(own, item, `${pointer}/${index}`)
  })
  return nested.length > 0 ? nested : leafErrors(schema, value, pointer)
}

/** Member by member: TypeBox stops after a few errors, and what it reports of the object as a whole would be lost. */
function objectErrors(schema: TSchema, node: Node, value: Record<string, unknown>, pointer: string): Found[] {
  const at = (name: string) => inside(pointer, name)
  const errors: Found[] = (node.required ?? [])
    .filter((name) => !Object.hasOwn(value, name) || value[name] === undefined)
    .map((name) => ({ pointer: at(name), detail: `is required: ${meaningOf(propertyOf(node, name) ?? {})}` }))
  for (const [name, member] of Object.entries(value)) {
    const property = propertyOf(node, name)
    if (property === undefined) {
      if (refusesOthers(node, member)) errors.push({ pointer: at(name), detail: unknownField(node, name) })
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

function unknownField({ properties, patternProperties }: Node, name: string): string {
  if (properties) {
    const meant = nearestName(name, Object.keys(properties))
    const hint = meant === null ? '' : ` (did you mean ${meant}?)`
    return `unknown field${hint}; expected one of: ${Object.keys(properties).join(', ')}`
  }
  return `the name must match ${Object.keys(patternProperties ?? {}).join(' or ')}`
}

/** For the variant that the value means: by its `kind`, `mode` or `type`, or as the only one of its JSON type. */
function unionErrors(variants: readonly Node[], value: unknown, pointer: string): Found[] {
  if (discriminatorOf(variants) !== undefined) return variantErrors(variants, value, pointer)
  const alike = variants.filter((variant) => isAlike(variant, value))
  const [only] = alike
  if (only && alike.length === 1 && only.const === undefined) return errorsOf(only as TSchema, value, pointer)
  if (discriminatorOf(alike) !== undefined) return variantErrors(alike, value, pointer)
  return [{ pointer, detail: `must be ${variants.map(formOf).join(', or ')}; is ${inWords(value)}` }]
}

/** The field whose constant tells the variants of a union apart. */
export function discriminatorOf(variants: readonly Node[]): (typeof DISCRIMINATORS)[number] | undefined {
  if (variants.length === 0) return undefined
  return DISCRIMINATORS.find((name) => variants.every((variant) => variant.properties?.[name]?.const !== undefined))
}

function variantErrors(variants: readonly Node[], value: unknown, pointer: string): Found[] {
  const key = discriminatorOf(variants) ?? 'kind'
  if (!isObject(value)) return [{ pointer, detail: `must be an object, is ${inWords(value)}` }]
  const named = variants.find((variant) => variant.properties?.[key]?.const === value[key])
  if (named) return errorsOf(named as TSchema, Value.Default(named as TSchema, value), pointer)
  const allowed = variants.map((variant) => variant.properties?.[key]?.const)
  const detail = value[key] === undefined ? `is required; one of: ${listed(allowed)}` : oneOf(allowed, value[key])
  return [{ pointer: `${pointer}/${key}`, detail }]
}

function oneOf(allowed: readonly unknown[], value: unknown): string {
  const names = allowed.filter((name) => typeof name === 'string')
  const meant = typeof value === 'string' ? nearestName(value, names) : null
  return `must be one of: ${listed(allowed)}${meant === null ? '' : `; did you mean ${JSON.stringify(meant)}?`}`
}

function listed(names: readonly unknown[]): string {
  return names.map((name) => JSON.stringify(name)).join(', ')
}

/** What a field is: in the words of the contract, else by its form. */
function meaningOf(node: Node): string {
  if (node.description !== undefined) return node.description
  return node.anyOf ? node.anyOf.map(formOf).join(', or ') : formOf(node)
}

/** Whether values of this JSON type can match at all. */
function isAlike({ type, const: constant, enum: names, anyOf }: Node, value: unknown): boolean {
  if (anyOf) return anyOf.some((variant) => isAlike(variant, value))
  if (constant !== undefined) return typeof constant === typeof value
  if (names) return names.some((name) => typeof name === typeof value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isObject(value)
  return typeof value === (type === 'integer' ? 'number' : type)
}

function formOf({ type = '', const: constant, enum: names, properties, description }: Node): string {
  if (constant !== undefined) return JSON.stringify(constant)
  if (names) return `one of ${listed(names)}`
  const kind = properties?.kind?.const
  if (kind !== undefined) return `an object of kind ${JSON.stringify(kind)}`
  const what = description && ` (${description.charAt(0).toLowerCase()}${description.slice(1)})`
  return `${typeInWords(type)}${what ?? ''}`
}

function leafErrors(schema: TSchema, value: unknown, pointer: string): Found[] {
  return Value.Errors(schema, value).map((error) => ({
    pointer: pointer + error.instancePath,
    isOutOfRange: error.instancePath === '' && isOfRange(error, value),
    detail: error.instancePath === '' ? describeFault(error, value, (schema as Node).examples?.[0]) : error.message,
  }))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function inside(pointer: string, name: string): string {
  return `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
}
