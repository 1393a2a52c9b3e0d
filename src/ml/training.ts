import type { DatasetSchema } from '../contracts/dataset.js'
import type { EnginePins } from '../contracts/engine-pins.js'
import type { EventType } from '../contracts/event.js'
import type { ReportBodies, ReportKind } from '../contracts/job-report.js'
import type { MetricSeries } from '../contracts/metric.js'
import type { JobProgress, JobResult } from '../contracts/training-job.js'
import type { TrainingJobSpec } from '../contracts/training-job-spec.js'
import type { StoredTensors } from '../formats/safetensors.js'
import type { StartingPoint } from '../planning/starting-point.js'

/** A finished model to start from, and its weights and moving statistics by the names of its layers. */
export interface Start extends StartingPoint {
  readonly weights: StoredTensors
}

/** One attempt at a job. */
export interface TrainOptions {
  readonly spec: TrainingJobSpec
  readonly schema: DatasetSchema
  /** `train.features`, `train.labels`, and the same of `test` if the dataset has a test split. */
  readonly data: StoredTensors
  /** Of a job whose model another one has delivered; absent: weights are drawn by the seed. */
  readonly start?: Start | null
  /** The checkpoint to go on from, and the updates done in it; null: from the beginning. */
  readonly resume: { readonly step: number; readonly checkpoint: Uint8Array } | null
  /** Its reason is a stop reason: `cancel` and `lost-lease` leave no checkpoint, anything else does. */
  readonly signal: AbortSignal
  readonly report: TrainReport
}

/** What a run tells while it runs, in the order of the calls. A rejected promise ends the run. */
export interface TrainReport {
  /** Compiled; `steps` in all. */
  started(pins: EnginePins, steps: number, parameters: number): void
  /** About twice a second. */
  progress(progress: JobProgress): void
  /** A series never reaches over a checkpoint. */
  metrics(series: MetricSeries[]): void
  /** To be kept in the order of the calls. */
  event(type: EventType, data: Record<string, unknown>): void
  /** `step`: updates done. The run goes on when the promise is resolved. */
  checkpoint(step: number, bytes: Uint8Array): Promise<void>
  /** Replaces the one of the same kind. `step`: updates done. At each checkpoint, before it, and when an attempt ends before its job is done. */
  report<K extends ReportKind>(kind: K, step: number, body: ReportBodies[K]): void
  /** A file that belongs to the result; after the last step. */
  artifact(name: string, mediaType: string, bytes: Uint8Array): Promise<void>
}

/** `step` of a stopped run: updates done, all of them in the checkpoint if there is one. */
export type TrainOutcome =
  | { readonly kind: 'succeeded'; readonly result: JobResult }
  | { readonly kind: 'stopped'; readonly step: number }
