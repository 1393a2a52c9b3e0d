import { expect, it } from 'vitest'
import { makeAttempts } from '../../src/db/attempts.js'
import { fenced } from '../../src/db/fence.js'
import { makeTrainingJobs } from '../../src/db/training-jobs.js'
import { useDatabase } from '../support/database.js'
import { jobSpec } from '../support/jobs.js'

const scene = useDatabase()

it('holds the job until its transaction ends, even when it changes nothing', async () => {
  const { db, projectId, datasetId } = scene()
  const { job } = await makeTrainingJobs(db).create(projectId, jobSpec(datasetId))
  const attempts = makeAttempts(db)
  const claim = await attempts.claim(job.id, 'worker', 60_000)
  if (!claim) throw new Error('the job was not claimed')
  const order: string[] = []
  let requeued: Promise<unknown> = Promise.resolve()
  await db.prisma.$transaction(async (tx) => {
    await fenced(tx, claim, {})
    // The sweeper comes in between: it must wait, or what follows here would belong to an attempt that is over.
    requeued = attempts
      .requeue(claim, { reason: 'the lease expired', code: 'TRAINER_DIED', countsAsAttempt: true })
      .then(() => order.push('requeued'))
    await new Promise((resolve) => setTimeout(resolve, 300))
    order.push('written')
  })
  await requeued
  expect(order).toEqual(['written', 'requeued'])
})
