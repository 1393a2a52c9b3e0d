import { setTimeout as sleep } from 'node:timers/promises'
import { type JobEvent, TERMINAL_EVENTS } from '../contracts/event.js'
import { TERMINAL_STATUSES, type TrainingJob } from '../contracts/training-job.js'
import type { StreamTimings } from './context.js'

export interface EventSource {
  job(): Promise<Pick<TrainingJob, 'status' | 'progress'> | null>
  events(afterSequence: number, limit: number): Promise<JobEvent[]>
}

const PAGE = 100
const RETRY_MS = 1_000

export function isOver({ status }: Pick<TrainingJob, 'status'>): boolean {
  return TERMINAL_STATUSES.includes(status)
}

/**
 * Server-sent events of a job: durable ones with their sequence as id, those after `sequence`; `progress` without an id whenever it changed; a comment as heartbeat.
 * Ends after the terminal event or when `signal` aborts. It reads the database, so a client may go on at another process.
 */
export async function* streamEvents(
  source: EventSource,
  sequence: number,
  { pollMs, heartbeatMs }: StreamTimings,
  signal: AbortSignal,
): AsyncGenerator<string> {
  yield `retry: ${RETRY_MS}\n\n`
  let last = sequence
  let progress = 'null'
  let spokenAt = Date.now()
  while (!signal.aborted) {
    // The job first: what it has written by then is among the events read after.
    const job = await source.job()
    const events = await source.events(last, PAGE)
    const messages = events.map(format)
    const now = JSON.stringify(job?.progress ?? null)
    // Where a job stands comes after what has happened; of one that is over, its result tells.
    const isCurrent = job !== null && !isOver(job) && events.length < PAGE
    if (isCurrent && now !== progress && now !== 'null') messages.push(`event: progress\ndata: ${now}\n\n`)
    if (isCurrent) progress = now
    if (messages.length === 0 && Date.now() - spokenAt >= heartbeatMs) messages.push(': heartbeat\n\n')
    if (messages.length > 0) spokenAt = Date.now()
    for (const message of messages) yield message
    last = events.at(-1)?.sequence ?? last
    if (events.some(({ type }) => TERMINAL_EVENTS.includes(type))) return
    if (job === null || (events.length === 0 && isOver(job))) return
    if (events.length < PAGE) await sleep(pollMs, undefined, { signal }).catch(() => undefined)
  }
}

function format(event: JobEvent): string {
  return `id: ${event.sequence}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}
