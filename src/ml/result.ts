import type { JobResult } from '../contracts/training-job.js'
import { exportWeights, makeReport, weightArtifacts } from './export.js'
import { sparsityOf } from './pruner.js'
import type { Run } from './run.js'
import { meansOf, type Running } from './running.js'
import type { TrainOptions } from './training.js'

/** Sends the artifacts of a finished run and gives its result. */
export async function deliver(
  run: Run,
  { schema, report }: Pick<TrainOptions, 'schema' | 'report'>,
  measured: {
    running: Running
    validation: JobResult['validation']
    test: JobResult['test']
    msPerStep: number
  },
): Promise<JobResult> {
  const { plan, parts, session, batches, pins } = run
  const kernels = run.pruner?.measure(session) ?? []
  const exported = exportWeights(session.get(Object.keys(parts.model.parameters)))
  const result: JobResult = {
    steps: plan.steps,
    epochs: plan.steps / batches.stepsPerEpoch,
    parameters: plan.parameters,
    train: meansOf(measured.running.epoch),
    validation: measured.validation,
    test: measured.test,
    clippedStepShare: measured.running.clippedSteps / plan.steps,
    sparsity: sparsityOf(kernels),
    perLayerSparsity: kernels.map(({ name, weights, removed }) => ({
      layer: name.slice(0, name.lastIndexOf('/')),
      weights,
      removed,
      sparsity: removed / weights,
    })),
    bytes: exported.bytes,
    weightsSha256: exported.sha256,
    msPerStep: measured.msPerStep,
    pins,
  }
  const artifacts = weightArtifacts(plan.spec, exported)
  const card = makeReport({
    spec: plan.spec,
    schema,
    model: parts.model,
    normalization: run.data.normalization,
    result,
    artifacts,
  })
  for (const { name, mediaType, bytes } of [...artifacts, card]) await report.artifact(name, mediaType, bytes)
  return result
}
