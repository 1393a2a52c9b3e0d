import { Type } from 'typebox'
import { JobId } from '../contracts/ids.js'
import type { TrainingJob } from '../contracts/training-job.js'
import { problem } from '../errors.js'
import type { AppContext } from './context.js'

export const JobParams = Type.Object({ id: JobId })

/** The job, if it is one of this project. @throws JOB_NOT_FOUND */
export async function findJob(
  { trainingJobs }: Pick<AppContext, 'trainingJobs'>,
  projectId: string,
  id: string,
): Promise<TrainingJob> {
  return (await trainingJobs.get(projectId, id)) ?? jobMissing(id)
}

export function jobMissing(id: string): never {
  throw problem('JOB_NOT_FOUND', `there is no training job ${id} in this project`)
}
