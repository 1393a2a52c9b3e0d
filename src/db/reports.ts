import type { ReportBodies, ReportKind } from '../contracts/job-report.js'
import type { Database } from './database.js'
import { type AttemptRef, fenced } from './fence.js'
import { fromJson, toJson } from './json.js'
import { databaseTime, type Transaction } from './transaction.js'

/** What running jobs keep up to date about themselves. The caller has checked that the job belongs to the project. */
export interface JobReports {
  /** The newest; null while the job has made none. */
  get<K extends ReportKind>(jobId: string, kind: K): Promise<ReportBodies[K] | null>
}

export function makeJobReports({ prisma }: Pick<Database, 'prisma'>): JobReports {
  return {
    get: async <K extends ReportKind>(jobId: string, kind: K) => {
      const row = await prisma.jobReport.findUnique({ where: { jobId_kind: { jobId, kind } } })
      return row && fromJson<ReportBodies[K]>(row.body)
    },
  }
}

/** Replaces the report of the same kind. An attempt that begins anew may replace one of a later step: it stands for what is now going on. */
export async function saveReport<K extends ReportKind>(
  tx: Transaction,
  ref: AttemptRef,
  { kind, step, body }: { readonly kind: K; readonly step: number; readonly body: ReportBodies[K] },
): Promise<void> {
  const { jobId, attempt } = ref
  await fenced(tx, ref, {})
  const row = { attempt, step, body: toJson(body), updatedAt: await databaseTime(tx) }
  await tx.jobReport.upsert({
    where: { jobId_kind: { jobId, kind } },
    create: { jobId, kind, ...row },
    update: row,
  })
}
