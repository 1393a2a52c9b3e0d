import { setTimeout as sleep } from 'node:timers/promises'
import type { Artifact } from '../contracts/artifact.js'
import type { ClippingReport } from '../contracts/clipping-report.js'
import type { BuiltinSource, Dataset } from '../contracts/dataset.js'
import { type JobEvent, TERMINAL_EVENTS } from '../contracts/event.js'
import type { MetricSeries } from '../contracts/metric.js'
import type { UploadedModel } from '../contracts/model-upload.js'
import type { Problem } from '../contracts/problem.js'
import type { PruningReport } from '../contracts/pruning-report.js'
import type { SensitivityReport } from '../contracts/sensitivity-report.js'
import type { JobProgress, JobStatus, TrainingJob } from '../contracts/training-job.js'
import { parseEventStream, type StreamedEvent } from './event-stream.js'

export interface ClientOptions {
  readonly url: string
  readonly apiKey: string
}

export interface JobListener {
  /** A durable event; each comes once and in order, across broken connections too. */
  event?(event: JobEvent): void
  progress?(progress: JobProgress): void
  /** The connection broke; it is made again from the last event on. */
  reconnecting?(error: unknown): void
}

export interface Page<T> {
  readonly data: T[]
  readonly nextCursor: string | null
  readonly hasMore: boolean
}

export interface Client {
  useBuiltinDataset(name: BuiltinSource['name'], options?: Omit<BuiltinSource, 'kind' | 'name'>): Promise<Dataset>
  /** `fields` are the form fields that go before the file, such as `target`. */
  uploadDataset(file: { name: string; text: string }, fields: Readonly<Record<string, string>>): Promise<Dataset>
  /** `fields`: `name`, and for safetensors `topology`. */
  uploadModel(
    file: { name: string; bytes: Uint8Array },
    fields: { readonly name?: string; readonly topology?: string },
  ): Promise<UploadedModel>
  models(page: { limit?: number | undefined; cursor?: string | undefined }): Promise<Page<UploadedModel>>
  deleteModel(id: string): Promise<void>
  /** The spec is checked by the service: send what the user wrote. */
  submit(spec: unknown): Promise<TrainingJob>
  job(id: string): Promise<TrainingJob>
  jobs(filter: {
    status?: JobStatus | undefined
    limit?: number | undefined
    cursor?: string | undefined
  }): Promise<Page<TrainingJob>>
  cancel(id: string): Promise<TrainingJob>
  artifacts(id: string): Promise<Artifact[]>
  download(id: string, artifact: string): Promise<Uint8Array>
  metrics(id: string, names: readonly string[]): Promise<MetricSeries[]>
  clippingReport(id: string): Promise<ClippingReport>
  pruningReport(id: string): Promise<PruningReport>
  sensitivityReport(id: string): Promise<SensitivityReport>
  /** Follows the event stream to the end of the job and returns it then. */
  watch(id: string, listener: JobListener): Promise<TrainingJob>
}

/** An answer of the service that is a problem (RFC 9457). */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  constructor(readonly problem: Problem) {
    super(messageOf(problem))
  }
}

/** Nothing answers at the address. */
export class ServiceUnreachableError extends Error {
  override readonly name = 'ServiceUnreachableError'
}

/** Fields on lines of their own; what they say already is not said twice. */
function messageOf({ title, detail, code, errors = [] }: Problem): string {
  if (errors.length === 0) return `${detail} (${code})`
  const head = errors.some((field) => detail.includes(field.detail)) ? title : detail
  return [`${head} (${code})`, ...errors.map((field) => `  ${field.pointer || '/'}: ${field.detail}`)].join('\n')
}

const RECONNECTIONS = 20

/** The service's HTTP interface, typed by its contracts. Answers come from the service itself, so they are not checked again. */
export function makeClient({ url, apiKey }: ClientOptions): Client {
  const base = url.replace(/\/+$/, '')

  async function request(path: string, init: RequestInit & { headers?: Record<string, string> } = {}) {
    const headers = { authorization: `Bearer ${apiKey}`, ...init.headers }
    const response = await fetch(base + path, { ...init, headers }).catch((error: unknown) => {
      throw new ServiceUnreachableError(`no service at ${base}; start one with \`espalier serve\``, { cause: error })
    })
    if (!response.ok) throw await errorOf(response)
    return response
  }
  const json = async <T>(path: string, init?: Parameters<typeof request>[1]): Promise<T> =>
    (await (await request(path, init)).json()) as T
  const post = <T>(path: string, body: unknown) =>
    json<T>(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  function postForm<T>(path: string, fields: Readonly<Record<string, string>>, file: File): Promise<T> {
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    form.append('file', file)
    return json(path, { method: 'POST', body: form })
  }
  const jobPath = (id: string) => `/v1/training-jobs/${encodeURIComponent(id)}`

  /** One connection; returns the last sequence seen and whether the job has ended. */
  async function follow(id: string, after: number, listener: JobListener) {
    const response = await request(`${jobPath(id)}/events`, {
      headers: { accept: 'text/event-stream', ...(after > 0 ? { 'last-event-id': String(after) } : {}) },
    })
    let last = after
    if (!response.body) return { last, ended: false, error: new Error('the answer has no body') }
    try {
      for await (const streamed of parseEventStream(response.body)) {
        const event = deliver(streamed, last, listener)
        if (event === null) continue
        last = event.sequence
        if (TERMINAL_EVENTS.includes(event.type)) return { last, ended: true, error: null }
      }
      return { last, ended: false, error: new Error('the stream ended before the job') }
    } catch (error) {
      return { last, ended: false, error }
    }
  }

  return {
    useBuiltinDataset: (name, options = {}) =>
      post('/v1/datasets', { name, source: { kind: 'builtin', name, ...options } }),
    uploadDataset: (file, fields) =>
      postForm('/v1/datasets', fields, new File([file.text], file.name, { type: 'text/csv' })),
    uploadModel: (file, fields) => postForm('/v1/models', fields, new File([file.bytes], file.name)),
    models: (page) => json(`/v1/models?${queryOf(page)}`),
    async deleteModel(id) {
      await request(`/v1/models/${encodeURIComponent(id)}`, { method: 'DELETE' })
    },
    submit: (spec) => post('/v1/training-jobs', spec),
    job: (id) => json(jobPath(id)),
    jobs: (filter) => json(`/v1/training-jobs?${queryOf(filter)}`),
    cancel: (id) => json(`${jobPath(id)}/cancel`, { method: 'POST' }),
    artifacts: async (id) => (await json<{ data: Artifact[] }>(`${jobPath(id)}/artifacts`)).data,
    async download(id, artifact) {
      const response = await request(`${jobPath(id)}/artifacts/${encodeURIComponent(artifact)}`)
      return new Uint8Array(await response.arrayBuffer())
    },
    metrics: async (id, names) =>
      (await json<{ data: MetricSeries[] }>(`${jobPath(id)}/metrics?names=${names.join(',')}`)).data,
    clippingReport: (id) => json(`${jobPath(id)}/reports/clipping`),
    pruningReport: (id) => json(`${jobPath(id)}/reports/pruning`),
    sensitivityReport: (id) => json(`${jobPath(id)}/reports/sensitivity`),
    async watch(id, listener) {
      let after = 0
      for (let failures = 0; ; failures++) {
        const before = after
        const connection = await follow(id, after, listener).catch((error: unknown) => {
          if (error instanceof ProblemError && !error.problem.retryable) throw error
          return { last: before, ended: false, error }
        })
        if (connection.ended) {
          const job = await this.job(id)
          // The stream may end before it told the last of it.
          if (job.status === 'succeeded' && job.progress) listener.progress?.(job.progress)
          return job
        }
        // A service that was never there is no broken connection.
        if (after === 0 && connection.last === 0 && connection.error instanceof ServiceUnreachableError)
          throw connection.error
        if (connection.last > before) failures = 0
        after = connection.last
        if (failures >= RECONNECTIONS) throw connection.error
        listener.reconnecting?.(connection.error)
        await sleep(Math.min(250 * 2 ** failures, 5000))
      }
    },
  }
}

function queryOf(values: Readonly<Record<string, string | number | undefined>>): URLSearchParams {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value))
  return query
}

/** Hands one streamed item to the listener; the durable event that it was, if it is a new one. */
function deliver(streamed: StreamedEvent, last: number, listener: JobListener): JobEvent | null {
  if (streamed.type === 'progress') {
    listener.progress?.(JSON.parse(streamed.data) as JobProgress)
    return null
  }
  if (streamed.id === null) return null
  const event = JSON.parse(streamed.data) as JobEvent
  if (event.sequence <= last) return null
  listener.event?.(event)
  return event
}

async function errorOf(response: Response): Promise<Error> {
  const text = await response.text()
  if (response.headers.get('content-type')?.includes('application/problem+json'))
    return new ProblemError(JSON.parse(text) as Problem)
  return new Error(`${response.url} answered ${response.status}: ${text.slice(0, 500)}`)
}
