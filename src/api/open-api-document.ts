import type { SwaggerTransform, SwaggerTransformObject } from '@fastify/swagger'
import type { FastifySchema, RouteOptions } from 'fastify'
import { discriminatorOf } from '../contracts/parse.js'

type Json = Readonly<Record<string, unknown>>
/** Stands for `$ref` until @fastify/swagger is through, which would try to resolve it. */
const REF = 'x-component'

/** Names with which a component may be published, and their schemas. A document is built from routes in order, so the order is fixed. */
type Components = Map<string, Json>
const components = new WeakMap<object, Components>()

/** Routes name schemas by `$id`; those become components, and request bodies ask only for fields without a default. */
export const transformRoute: SwaggerTransform<FastifySchema> = (input) => {
  const { schema, url, route } = input
  // Only @fastify/swagger's Swagger 2 mode has no openapiObject.
  const found: Components = 'openapiObject' in input ? componentsOf(input.openapiObject) : new Map()
  const { body, querystring, ...rest } = withNotModified(schema ?? {}, route)
  const scope = route.config?.scope
  return {
    url,
    schema: {
      ...(hoist(rest, found) as object),
      ...(body !== undefined && { body: hoist(body, found, 'request') }),
      ...(querystring !== undefined && { querystring: relax(querystring) }),
      ...(scope !== undefined && { security: [{ apiKey: [] }] }),
    } as FastifySchema, // A copy of a schema is a schema.
  }
}

export const finishDocument: SwaggerTransformObject = (document) => {
  if (!('openapiObject' in document)) return document.swaggerObject
  const { openapiObject } = document
  const schemas = Object.fromEntries([...componentsOf(openapiObject)].sort(([a], [b]) => (a < b ? -1 : 1)))
  const finished = withReferences({ ...openapiObject, components: { ...openapiObject.components, schemas } })
  return finished as typeof openapiObject // The same document, with references in place of their placeholders.
}

/** Every JSON answer to GET has an ETag: see the plugin conditional-requests. */
function withNotModified(
  schema: FastifySchema,
  { method, config }: Pick<RouteOptions, 'method' | 'config'>,
): FastifySchema {
  if (method !== 'GET' || config?.scope === undefined || !isJson(schema.response)) return schema
  return {
    ...schema,
    response: { ...schema.response, 304: { type: 'null', description: 'The client has it already' } },
  }
}

function componentsOf(document: object): Components {
  const known = components.get(document) ?? new Map()
  components.set(document, known)
  return known
}

type Side = 'request' | 'response'

/**
 * Replaces every schema that has an `$id` by a reference, beside which stands what is said of it at that place alone: its default, examples,
 * and a description other than the first. The variants of such a union become components as well: `Layer.dense`.
 */
function hoist(value: unknown, found: Components, side: Side = 'response'): unknown {
  if (Array.isArray(value)) return value.map((item) => hoist(item, found, side))
  if (!isJson(value)) return value
  const { $id, ...schema } = value
  if (typeof $id !== 'string') return membersOf(schema, found, side)
  const { default: byDefault, examples, ...rest } = schema
  const component = publish($id, rest, found, side)
  const { description } = rest
  return {
    [REF]: component,
    ...(byDefault !== undefined && { default: byDefault }),
    ...(examples !== undefined && { examples }),
    ...(description !== found.get(component)?.description && { description }),
  }
}

function membersOf(schema: Json, found: Components, side: Side): Json {
  const relaxed = side === 'request' ? relax(schema) : schema
  return Object.fromEntries(Object.entries(relaxed).map(([key, member]) => [key, hoist(member, found, side)]))
}

/** In requests the component is called `…Input` where it differs. */
function publish(name: string, schema: Json, found: Components, side: Side): string {
  const differs = side === 'request' && JSON.stringify(deepRelax(schema)) !== JSON.stringify(schema)
  const component = differs ? `${name}Input` : name
  if (!found.has(component))
    found.set(component, membersOf({ ...schema, ...publishedVariants(name, schema, found, side) }, found, side))
  return component
}

function publishedVariants(name: string, { anyOf }: Json, found: Components, side: Side): { anyOf?: Json[] } {
  if (!Array.isArray(anyOf)) return {}
  const variants: Json[] = anyOf
  const key = discriminatorOf(variants)
  if (key === undefined) return {}
  const nameOf = ({ properties }: Json) => `${name}.${constantOf(properties, key)}`
  return { anyOf: variants.map((variant) => ({ [REF]: publish(nameOf(variant), variant, found, side) })) }
}

function constantOf(properties: unknown, key: string): string {
  const property = isJson(properties) ? properties[key] : undefined
  return isJson(property) ? String(property.const) : ''
}

/** Without the fields in `required` that have a default: they are filled in. */
function relax<T>(schema: T): T {
  if (!isJson(schema) || !Array.isArray(schema.required) || !isJson(schema.properties)) return schema
  const { properties, required, ...rest } = schema
  const needed = required.filter((name) => !hasDefault(properties[name]))
  if (needed.length === required.length) return schema
  return { ...rest, ...(needed.length > 0 && { required: needed }), properties } as T // Less is required, nothing else differs.
}

function deepRelax(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(deepRelax)
  if (!isJson(value)) return value
  return Object.fromEntries(Object.entries(relax(value)).map(([key, member]) => [key, deepRelax(member)]))
}

function hasDefault(property: unknown): boolean {
  return isJson(property) && 'default' in property
}

function withReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withReferences)
  if (!isJson(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) =>
      key === REF ? ['$ref', `#/components/schemas/${member}`] : [key, withReferences(member)],
    ),
  )
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
