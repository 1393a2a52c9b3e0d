import type { FastifyPluginAsync, FastifySchemaCompiler } from 'fastify'
import fp from 'fastify-plugin'
import { type TObject, type TSchema, Type } from 'typebox'
import { type FieldError, parse } from '../../contracts/parse.js'
import { TrainingJobSpec } from '../../contracts/training-job-spec.js'
import { type ErrorCode, problem } from '../../errors.js'
import { fieldProblem } from '../field-problem.js'
import { findUnstorable } from '../storable.js'

/** Requests are checked by `contracts/parse`, with defaults filled in; answers are plain JSON of typed values. */
const plugin: FastifyPluginAsync = async (app) => {
  app.setValidatorCompiler(compileValidator)
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
}
export const validation = fp(plugin, { name: 'validation' })

// Schemas of this app are TypeBox schemas; Fastify calls them unknown.
const compileValidator: FastifySchemaCompiler<unknown> = ({ schema, httpPart, contentType }) => {
  // A multipart body is a stream that its route reads.
  if (contentType === 'multipart/form-data') return () => true
  if (httpPart === 'body') return bodyValidator(schema as TSchema)
  // Headers are many and not ours; what reads one checks it.
  if (httpPart === 'headers') return () => true
  return textValidator(schema as TObject, httpPart === 'params' ? 'path' : 'query')
}

function bodyValidator(schema: TSchema) {
  const isSpec = schema === TrainingJobSpec
  const code = isSpec ? 'SPEC_INVALID' : 'REQUEST_INVALID'
  return (body: unknown) => {
    // Fastify gives null for a request without one.
    if (body === undefined || body === null)
      return { error: problem(code, 'the body is empty', [{ pointer: '', detail: 'is required' }]) }
    const unstorable = findUnstorable(body)
    if (unstorable) return { error: rejection(code, 'body', [unstorable]) }
    const parsed = parse(schema, body)
    if (parsed.ok) return { value: parsed.value }
    // The code that planning gives to numbers.
    const finalCode = isSpec && parsed.isOutOfRange ? 'SPEC_OUT_OF_RANGE' : code
    return { error: rejection(finalCode, 'body', parsed.errors) }
  }
}

/** Path and query come as text: what should be a number is read as one. A parameter that nobody knows is a mistake worth telling. */
function textValidator(schema: TObject, part: 'path' | 'query') {
  const strict = Type.Object(schema.properties, { additionalProperties: false })
  return (input: unknown) => {
    const unstorable = findUnstorable(input)
    if (unstorable) return { error: rejection('REQUEST_INVALID', part, [unstorable]) }
    const parsed = parse(strict, coerce(schema, { ...(input as Record<string, unknown>) }))
    return parsed.ok ? { value: parsed.value } : { error: rejection('REQUEST_INVALID', part, parsed.errors) }
  }
}

function coerce(schema: TObject, input: Record<string, unknown>): Record<string, unknown> {
  for (const [name, property] of Object.entries(schema.properties)) {
    const text = input[name]
    if (typeof text !== 'string' || !('type' in property)) continue
    const { type } = property
    if ((type === 'integer' || type === 'number') && /^-?\d+(\.\d+)?$/.test(text)) input[name] = Number(text)
    else if (type === 'boolean' && (text === 'true' || text === 'false')) input[name] = text === 'true'
  }
  return input
}

function rejection(code: ErrorCode, part: 'body' | 'path' | 'query', errors: readonly FieldError[]) {
  return fieldProblem(code, errors, `the ${part}`)
}
