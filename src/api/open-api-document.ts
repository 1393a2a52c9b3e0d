import type { SwaggerTransform, SwaggerTransformObject } from '@fastify/swagger'
import type { FastifySchema, RouteOptions } from 'fastify'

type Json = Readonly<Record<string, unknown>>
/** Stands for `$ref` until @fastify/swagger is through, which would try to resolve it. */
const REF = 'x-component'

/** Names with which a component may be published, and their schemas. A document is built from routes in order, so the order is fixed. */
type Components = Map<string, unknown>
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

/** Replaces every schema that has an `$id` by a reference. In requests the component is called `…Input` where it differs. */
function hoist(value: unknown, found: Components, side: 'request' | 'response' = 'response'): unknown {
  if (Array.isArray(value)) return value.map((item) => hoist(item, found, side))
  if (!isJson(value)) return value
  const { $id, ...schema } = value
  const relaxed = side === 'request' ? relax(schema) : schema
  const result = Object.fromEntries(Object.entries(relaxed).map(([key, member]) => [key, hoist(member, found, side)]))
  if (typeof $id !== 'string') return result
  const name = side === 'request' && JSON.stringify(deepRelax(schema)) !== JSON.stringify(schema) ? `${$id}Input` : $id
  found.set(name, result)
  return { [REF]: name }
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
  if (typeof value[REF] === 'string') return { $ref: `#/components/schemas/${value[REF]}` }
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withReferences(member)]))
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
