import { beforeEach, expect, it } from 'vitest'
import { type Claim, makeAttempts, StaleAttemptError } from '../../src/db/attempts.js'
import { makeJobReports } from '../../src/db/reports.js'
import { makeTrainingJobs } from '../../src/db/training-jobs.js'
import { useDatabase } from '../support/database.js'
import { jobSpec, SHUTDOWN } from '../support/jobs.js'
import { emptyReport } from '../support/reports.js'

const scene = useDatabase()
beforeEach(() => scene().db.prisma.trainingJob.deleteMany())

const attempts = () => makeAttempts(scene().db)
const reportOf = (id: string) => makeJobReports(scene().db).get(id, 'clipping')
async function claimed(id?: string): Promise<Claim> {
  const { db, projectId, datasetId } = scene()
  const jobId = id ?? (await makeTrainingJobs(db).create(projectId, jobSpec(datasetId))).job.id
  const claim = await attempts().claim(jobId, 'w', 60_000)
  if (!claim) throw new Error('the claim was lost')
  return claim
}

it('keeps the newest report of each job, and none before the first', async () => {
  const [one, other] = [await claimed(), await claimed()]
  expect(await reportOf(one.jobId)).toBeNull()
  await attempts().saveReport(other, 'clipping', 7, emptyReport(7))
  for (const step of [10, 20, 20]) await attempts().saveReport(one, 'clipping', step, emptyReport(step))
  expect(await reportOf(one.jobId)).toEqual(emptyReport(20))
  expect(await reportOf(other.jobId)).toEqual(emptyReport(7))
  expect(await scene().db.prisma.jobReport.findMany({ where: { jobId: one.jobId } })).toMatchObject([
    { kind: 'clipping', attempt: 1, step: 20 },
  ])
})

it('is refused to an attempt that is not the running one; the running one may go back', async () => {
  const first = await claimed()
  await attempts().saveReport(first, 'clipping', 50, emptyReport(50))
  await attempts().requeue(first, SHUTDOWN)
  await expect(attempts().saveReport(first, 'clipping', 60, emptyReport(60))).rejects.toThrow(StaleAttemptError)
  const second = await claimed(first.jobId)
  await expect(attempts().saveReport(first, 'clipping', 60, emptyReport(60))).rejects.toThrow(StaleAttemptError)
  expect(await reportOf(first.jobId)).toEqual(emptyReport(50))
  await attempts().saveReport(second, 'clipping', 40, emptyReport(40))
  expect(await reportOf(first.jobId)).toEqual(emptyReport(40))
})

it('goes with its job', async () => {
  const { jobId, ...ref } = await claimed()
  await attempts().saveReport({ jobId, ...ref }, 'clipping', 1, emptyReport(1))
  await scene().db.prisma.trainingJob.delete({ where: { id: jobId } })
  expect(await scene().db.prisma.jobReport.count()).toBe(0)
})
