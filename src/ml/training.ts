import type { DatasetSchema } from '../contracts/dataset.js'
import type { EventType } from '../contracts/event.js'
import type { MetricSeries } from '../contracts/metric.js'
import type { EnginePins, JobProgress, JobResult, TrainingJobSpec } from '../contracts/training-job.js'
import type { StoredTensors } from '../formats/safetensors.js'

export interface TrainOptions {
  readonly spec: TrainingJobSpec
  readonly schema: DatasetSchema
  /** `train.features`, `train.labels`, and the same of `test` if the dataset has a test split. */
  readonly data: StoredTensors
  readonly resume: { readonly step: number; readonly checkpoint: Uint8Array } | null
  /** Its reason is a stop reason: `cancel` and `lost-lease` leave no checkpoint, anything else does. */
  readonly signal: AbortSignal
  readonly report: TrainReport
}

export interface TrainReport {
  started(pins: EnginePins, steps: number, parameters: number): void
  progress(progress: JobProgress): void
  /** A series never reaches over a checkpoint. */
  metrics(series: MetricSeries[]): void
  event(type: EventType, data: Record<string, unknown>): void
  checkpoint(step: number, bytes: Uint8Array): Promise<void>
  artifact(name: string, mediaType: string, bytes: Uint8Array): Promise<void>
}

/** `step` of a stopped run: updates done, all of them in the checkpoint if there is one. */
export type TrainOutcome =
  | { readonly kind: 'succeeded'; readonly result: JobResult }
  | { readonly kind: 'stopped'; readonly step: number }
