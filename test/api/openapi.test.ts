import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { describeApi } from '../../src/api/describe-api.js'
import { VERSION } from '../../src/version.js'

const COMMITTED = new URL('../../openapi.yaml', import.meta.url)
type Json = Record<string, unknown>
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

async function document(): Promise<{
  paths: Record<string, Record<string, Json>>
  components: { schemas: Record<string, Json> }
}> {
  return parse(await describeApi())
}

/** Every object in a document. */
function* objectsIn(value: unknown): Generator<Json> {
  if (isJson(value)) yield value
  if (typeof value === 'object' && value !== null) for (const member of Object.values(value)) yield* objectsIn(member)
}

it('is what is committed as openapi.yaml; `npm run openapi` writes it anew', async () => {
  expect(await describeApi()).toBe(await readFile(COMMITTED, 'utf8'))
})

it('has a component for every reference, and a reference to every component', async () => {
  const api = await document()
  const references = new Set([...objectsIn(api)].flatMap(({ $ref }) => (typeof $ref === 'string' ? [$ref] : [])))
  const components = Object.keys(api.components.schemas).map((name) => `#/components/schemas/${name}`)
  expect([...references].sort()).toEqual(components.sort())
})

it('asks in requests for no field that has a default', async () => {
  const api = await document()
  const { TrainingJobSpecInput: input, TrainingJobSpec: output } = api.components.schemas
  expect(input?.required).toEqual(['datasetId', 'model'])
  for (const { required, properties } of objectsIn(input)) {
    if (!Array.isArray(required) || !isJson(properties)) continue
    for (const name of required) expect(properties[name]).not.toHaveProperty('default')
  }
  expect(output?.required).toContain('batchSize')
})

it('names every operation once and asks for the API key on every route below /v1', async () => {
  const { paths } = await document()
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, id: operation.operationId, security: operation.security })),
  )
  expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length)
  for (const { path, security } of operations) expect(security !== undefined, path).toBe(path.startsWith('/v1/'))
})

it('names the version of the package', async () => {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect(VERSION).toBe(version)
})
