import type { TrainingJob, TrainingPlan } from '../contracts/training-job.js'
import type { TrainingJobSpec } from '../contracts/training-job-spec.js'
import type { IdempotencyKey } from '../db/idempotency.js'
import { EspalierError } from '../errors.js'
import { planTrainingJob } from '../planning/plan.js'
import type { AppContext } from './context.js'
import { fieldProblem } from './field-problem.js'
import { findStart } from './starting-point.js'

type Context = Pick<AppContext, 'datasets' | 'trainingJobs' | 'jobLog' | 'store' | 'models'>

/** What the spec amounts to on its dataset. @throws SPEC_INVALID, SPEC_OUT_OF_RANGE */
export async function planJob(context: Context, projectId: string, spec: TrainingJobSpec): Promise<TrainingPlan> {
  const dataset = await context.datasets.get(projectId, spec.datasetId)
  if (dataset === null) throw noSuchDataset(spec.datasetId)
  return planTrainingJob(spec, dataset.schema, await findStart(context, projectId, spec.model))
}

/**
 * Creates the job of a spec that can be planned. A request that comes again after its dataset or uploaded model was deleted still gets its first answer.
 * @throws SPEC_INVALID, SPEC_OUT_OF_RANGE, IDEMPOTENCY_MISMATCH
 */
export async function createJob(
  context: Context,
  projectId: string,
  spec: TrainingJobSpec,
  idempotency: IdempotencyKey | undefined,
): Promise<{ job: TrainingJob; replayed: boolean }> {
  const dataset = await context.datasets.get(projectId, spec.datasetId)
  // Without a dataset or model nothing can be created: either there is an earlier answer, or it is refused.
  const isMissing = dataset === null || (await isModelGone(context, projectId, spec))
  const filled = isMissing
    ? spec
    : planTrainingJob(spec, dataset.schema, await findStart(context, projectId, spec.model)).spec
  try {
    return await context.trainingJobs.create(projectId, filled, idempotency)
  } catch (error) {
    // A dataset that is a part of the body, and not of the path, is no reason for 404.
    if (error instanceof EspalierError && error.code === 'DATASET_NOT_FOUND') throw noSuchDataset(spec.datasetId)
    throw error
  }
}

async function isModelGone({ models }: Context, projectId: string, { model }: TrainingJobSpec): Promise<boolean> {
  if (model.kind !== 'artifact' || model.modelId === undefined || model.jobId !== undefined) return false
  return (await models.get(projectId, model.modelId)) === null
}

function noSuchDataset(id: string): EspalierError {
  return fieldProblem('SPEC_INVALID', [{ pointer: '/datasetId', detail: `there is no dataset ${id} in this project` }])
}
