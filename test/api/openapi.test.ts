import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { describeApi } from '../../src/api/describe-api.js'
import { parse as parseSpec } from '../../src/contracts/parse.js'
import { TrainingJobSpec } from '../../src/contracts/training-job-spec.js'
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

it('lists activations and initializers once, and each layer type by a name of its own', async () => {
  const api = await document()
  const listing = (name: string) =>
    [...objectsIn(api)].filter(({ enum: names }) => Array.isArray(names) && names.includes(name))
  expect(listing('glorot-uniform')).toHaveLength(1)
  expect(listing('log-softmax')).toHaveLength(1)
  const { Layer, 'Layer.dense': dense } = api.components.schemas
  expect(Layer?.anyOf).toContainEqual({ $ref: '#/components/schemas/Layer.dense' })
  expect(dense?.properties).toMatchObject({
    activation: { $ref: '#/components/schemas/Activation', default: 'linear' },
    kernelInitializer: { $ref: '#/components/schemas/Initializer', default: 'glorot-uniform' },
  })
})

it('gives an example of a job, which is the one in the folder of examples', async () => {
  const { paths } = await document()
  const [{ datasetId, ...example } = {}] = [...objectsIn(paths['/v1/training-jobs']?.post)].flatMap((object) =>
    isJson(object.example) ? [object.example] : [],
  )
  const file = JSON.parse(await readFile(new URL('../../examples/two-layer.json', import.meta.url), 'utf8')) as Json
  expect({ datasetId: file.datasetId, ...example }).toEqual(file)
  expect(parseSpec(TrainingJobSpec, { datasetId, ...example })).toMatchObject({ ok: true })
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
