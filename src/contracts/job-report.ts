import type { ClippingReport } from './clipping-report.js'
import type { PruningReport } from './pruning-report.js'
import type { SensitivityReport } from './sensitivity-report.js'

/** Reports that a running job keeps up to date, by kind. */
export interface ReportBodies {
  readonly clipping: ClippingReport
  readonly pruning: PruningReport
  readonly sensitivity: SensitivityReport
}
/** One of the reports of a job. */
export type ReportKind = keyof ReportBodies
