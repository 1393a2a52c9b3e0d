import type { ModelSpec } from '../contracts/model.js'
import { STARTING_FILES } from '../db/claim.js'
import type { EspalierError } from '../errors.js'
import { readStartingPoint, type StartingPoint } from '../planning/starting-point.js'
import { ObjectMissingError } from '../storage/object-store.js'
import type { AppContext } from './context.js'
import { fieldProblem } from './field-problem.js'

type Context = Pick<AppContext, 'trainingJobs' | 'jobLog' | 'store' | 'models'>

/**
 * The finished model that a spec starts from; null if it describes one itself.
 * @throws SPEC_INVALID at the id unless it names an uploaded model of this project, or a job of it that has succeeded and delivered one
 */
export async function findStart(context: Context, projectId: string, model: ModelSpec): Promise<StartingPoint | null> {
  if (model.kind !== 'artifact') return null
  const { jobId, modelId } = model
  if (jobId !== undefined && modelId === undefined) return startFrom(context, projectId, jobId)
  if (modelId === undefined || jobId !== undefined)
    throw refused('an artifact is named by jobId or by modelId: give exactly one of both', '/model')
  const uploaded = await context.models.get(projectId, modelId)
  if (uploaded === null) throw refused(`there is no model ${modelId} in this project`, '/model/modelId')
  return { model: uploaded.model }
}

async function startFrom(
  { trainingJobs, jobLog, store }: Context,
  projectId: string,
  jobId: string,
): Promise<StartingPoint> {
  const job = await trainingJobs.get(projectId, jobId)
  if (job === null) throw refused(`there is no training job ${jobId} in this project`)
  if (job.status !== 'succeeded')
    throw refused(`training job ${jobId} is ${job.status}; only one that has succeeded has a model to start from`)
  if (job.spec.kind === 'sensitivity-scan')
    throw refused(`job ${jobId} is a sensitivity scan, which delivers no model; name the job that trained it`)
  if ((await jobLog.artifact(jobId, STARTING_FILES.weights)) === null)
    throw refused(
      `training job ${jobId} has not delivered ${STARTING_FILES.weights}: "safetensors" was not among its exports`,
    )
  const report = await jobLog.artifact(jobId, STARTING_FILES.report)
  const start = report && readStartingPoint(await read(store, report.key, jobId))
  if (start === null || 'errors' in start)
    throw refused(`the ${STARTING_FILES.report} of training job ${jobId} describes no model that this version can read`)
  return start
}

function read(store: AppContext['store'], key: string, jobId: string): Promise<Uint8Array> {
  return store.get(key).catch((error: unknown) => {
    if (error instanceof ObjectMissingError) throw refused(`the files of training job ${jobId} are not there any more`)
    throw error
  })
}

function refused(detail: string, pointer = '/model/jobId'): EspalierError {
  return fieldProblem('SPEC_INVALID', [{ pointer, detail }])
}
