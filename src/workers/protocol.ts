import type { DatasetSchema } from '../contracts/dataset.js'
import type { EnginePins } from '../contracts/engine-pins.js'
import type { EventType } from '../contracts/event.js'
import type { ReportBodies, ReportKind } from '../contracts/job-report.js'
import type { MetricSeries } from '../contracts/metric.js'
import type { JobFailure, JobProgress, JobResult } from '../contracts/training-job.js'
import type { TrainingJobSpec } from '../contracts/training-job-spec.js'
import type { Claim } from '../db/claim.js'
import type { StorageConfig } from '../storage/object-store.js'

/** Messages between the worker (parent, owns the database) and the trainer (child, owns TensorFlow), over the IPC channel of `fork`. */
export type ToTrainer =
  | {
      readonly type: 'start'
      readonly jobId: string
      readonly attempt: number
      readonly spec: TrainingJobSpec
      readonly dataset: { readonly key: string; readonly schema: DatasetSchema }
      readonly startFrom: Claim['startFrom']
      readonly resumeFrom: { readonly key: string; readonly step: number; readonly sha256: string } | null
      /** Object keys of this job begin with it. */
      readonly keyPrefix: string
      readonly storage: StorageConfig
    }
  | { readonly type: 'stop'; readonly reason: StopReason }

export type StopReason = 'cancel' | 'shutdown' | 'lost-lease' | 'time-limit'

/** Objects are stored before the message that names them is sent. The stream ends with exactly one ClosingMessage. */
export type FromTrainer =
  | { readonly type: 'started'; readonly pins: EnginePins; readonly steps: number; readonly parameters: number }
  | { readonly type: 'progress'; readonly progress: JobProgress }
  | { readonly type: 'metrics'; readonly series: MetricSeries[] }
  | { readonly type: 'event'; readonly event: EventType; readonly data: Record<string, unknown> }
  | {
      readonly type: 'checkpoint'
      readonly step: number
      readonly key: string
      readonly bytes: number
      readonly sha256: string
    }
  | {
      readonly type: 'artifact'
      readonly name: string
      readonly mediaType: string
      readonly key: string
      readonly bytes: number
      readonly sha256: string
    }
  | {
      readonly type: 'report'
      readonly kind: ReportKind
      /** Updates done. */
      readonly step: number
      readonly body: ReportBodies[ReportKind]
    }
  | { readonly type: 'succeeded'; readonly result: JobResult }
  | { readonly type: 'failed'; readonly failure: JobFailure }
  | { readonly type: 'stopped'; readonly reason: StopReason; readonly step: number }
  /** The checkpoint to resume from is gone or broken; an older one, or none, may do. */
  | { readonly type: 'checkpoint-unusable'; readonly step: number; readonly reason: string }

export type ClosingMessage = Extract<
  FromTrainer,
  { readonly type: 'succeeded' | 'failed' | 'stopped' | 'checkpoint-unusable' }
>

export function isClosing(message: FromTrainer): message is ClosingMessage {
  return ['succeeded', 'failed', 'stopped', 'checkpoint-unusable'].includes(message.type)
}
