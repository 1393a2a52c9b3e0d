import { type Static, Type } from 'typebox'
import { Timestamp } from './ids.js'

const EVENT_TYPES = [
  'job.created', // accepted and queued
  'attempt.started', // a worker claimed it; data: {worker, resumedFromStep}
  'attempt.interrupted', // trainer or worker died or shut down; queued again; data: {reason, code, droppedCheckpoint?, resumesFromStep?}
  'training.started', // compiled; data: {pins, steps, parameters}
  'training.non-finite', // a gradient or the loss was NaN or infinite; data: {step, occurrences, policy, budget, where?, learningRateFactor?, restoredStep?}
  'training.stopped-early', // data: {step, reason, monitor, best, bestStep}
  'learning-rate.reduced', // by the plateau schedule; data: {step, factor}
  'pruning.updated', // data: {step, sparsity, removed, total, updates: [{name, pieces, removed, threshold}], masksSha256}
  'pruning.compacted', // the network was rebuilt smaller; data: {step, parameters: {before, after}, certificate}
  'training.pins-changed', // resumed under other pins, so the bits may differ; data: {before, now}
  'checkpoint.saved', // data: {step, bytes}
  'job.cancel-requested',
  'job.succeeded', // terminal
  'job.failed', // terminal; data: JobFailure
  'job.cancelled', // terminal
] as const
/** What happened to a job. */
export type EventType = (typeof EVENT_TYPES)[number]
/** Told of a step. An attempt that resumes does the steps after its checkpoint again, to the same bits: what it tells of them is there already. */
export const STEP_EVENTS: readonly EventType[] = [
  'training.non-finite',
  'training.stopped-early',
  'learning-rate.reduced',
  'pruning.updated',
  'pruning.compacted',
]
/** No event follows one of these. */
export const TERMINAL_EVENTS: readonly EventType[] = ['job.succeeded', 'job.failed', 'job.cancelled']

/** Durable; `sequence` counts from 1 within a job and is the SSE event id. */
export const JobEvent = Type.Object(
  {
    sequence: Type.Integer({ minimum: 1 }),
    type: Type.Enum([...EVENT_TYPES]),
    attempt: Type.Integer({ minimum: 0, description: 'Executions begun by then' }),
    data: Type.Record(Type.String(), Type.Unknown(), { description: 'By type; {} for those that have none' }),
    at: Timestamp,
  },
  { additionalProperties: false, $id: 'JobEvent' },
)
export type JobEvent = Static<typeof JobEvent>
