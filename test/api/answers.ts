import type { LightMyRequestResponse } from 'fastify'
import { expect } from 'vitest'
import type { Problem } from '../../src/contracts/problem.js'
import type { Scene } from './scene.js'
import { IRIS_CSV } from './scene.js'

/** Checks that the answer is a complete problem, and returns it. */
export function problemOf(response: LightMyRequestResponse, status: number, code: string): Problem {
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/)
  const problem: Problem = response.json()
  expect({ status: response.statusCode, code: problem.code }).toEqual({ status, code })
  expect(problem).toMatchObject({
    status,
    type: expect.stringMatching(/\S/),
    title: expect.stringMatching(/\S/),
    detail: expect.stringMatching(/\S/),
    instance: expect.stringMatching(/^\//),
    requestId: response.headers['x-request-id'],
    retryable: expect.any(Boolean),
  })
  return problem
}

export function pointersOf(problem: Problem): string[] {
  return (problem.errors ?? []).map(({ pointer }) => pointer)
}

/** A form body as browsers write it; parts in the order given. A part with a file name is a file. */
export function form(parts: readonly { name: string; value: string | Uint8Array; fileName?: string }[]) {
  const boundary = 'espalier-test-boundary'
  const chunks = parts.flatMap(({ name, value, fileName }) => [
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${fileName === undefined ? '' : `; filename="${fileName}"\r\ncontent-type: text/csv`}\r\n\r\n`,
    ),
    Buffer.from(value),
    Buffer.from('\r\n'),
  ])
  return {
    payload: Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]),
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
  }
}

export function uploadCsv(
  { app, auth }: Pick<Scene, 'app' | 'auth'>,
  csv: string | Uint8Array,
  fields: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
) {
  const body = form([
    ...Object.entries(fields).map(([name, value]) => ({ name, value })),
    { name: 'file', value: csv, fileName: 'iris.csv' },
  ])
  return app.inject({
    method: 'POST',
    url: '/v1/datasets',
    payload: body.payload,
    headers: { ...auth, ...body.headers, ...headers },
  })
}

export async function createDataset(scene: Pick<Scene, 'app' | 'auth'>): Promise<string> {
  const response = await uploadCsv(scene, IRIS_CSV)
  expect(response.statusCode).toBe(202)
  return response.json().id
}

/** A small valid spec for IRIS_CSV, as a client writes it. */
export function specFor(datasetId: string, changes: Readonly<Record<string, unknown>> = {}) {
  return {
    datasetId,
    model: { kind: 'layers', inputShape: [2], layers: [{ type: 'dense', name: 'output', units: 3 }] },
    steps: 20,
    batchSize: 8,
    ...changes,
  }
}

export function postJob(
  { app, auth }: Pick<Scene, 'app' | 'auth'>,
  spec: unknown,
  headers: Readonly<Record<string, string>> = {},
) {
  return app.inject({
    method: 'POST',
    url: '/v1/training-jobs',
    headers: { ...auth, 'content-type': 'application/json', ...headers },
    payload: JSON.stringify(spec),
  })
}

export async function createJob(scene: Scene, changes: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const response = await postJob(scene, specFor(await createDataset(scene), changes))
  expect(response.statusCode, response.body).toBe(202)
  return response.json().id
}
