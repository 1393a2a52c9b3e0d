import type { JobResult } from '../contracts/training-job.js'
import type { StoredTensors } from '../formats/safetensors.js'
import { confusionArtifact } from './confusion-artifact.js'
import type { Evaluated } from './evaluate.js'
import { type Artifact, exportWeights, makeReport, weightArtifacts } from './export.js'
import { finishMeans } from './metrics/make-metric.js'
import { emaOf } from './optimizers/ema.js'
import { sparsityOf } from './pruner.js'
import type { Run } from './run.js'
import { meansOf, type Running } from './running.js'
import { writeSample } from './sample.js'
import type { TrainOptions } from './training.js'

/** Sends the artifacts of a finished run and gives its result. */
export async function deliver(
  run: Run,
  { schema, report }: Pick<TrainOptions, 'schema' | 'report'>,
  measured: {
    running: Running
    validation: Evaluated
    test: Evaluated
    msPerStep: number
  },
): Promise<JobResult> {
  const { plan, parts, session, batches, pins } = run
  const kernels = run.pruner?.measure(session) ?? []
  const exported = exportWeights(finalValues(run))
  const { running } = measured
  const steps = running.endedAt ?? plan.steps
  const result: JobResult = {
    steps,
    epochs: steps / batches.stepsPerEpoch,
    parameters: plan.parameters,
    train: running.epoch.epoch === batches.epochOf(steps - 1) ? finishMeans(meansOf(running.epoch)) : {},
    validation: measured.validation.means,
    test: measured.test.means,
    clippedStepShare: running.clippedSteps / steps,
    nonFiniteSteps: running.nonFiniteSteps,
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
  const sample = writeSample(parts, schema, session)
  const confusion = confusionArtifact(schema, measured)
  const artifacts = [
    ...weightArtifacts(plan.spec, exported),
    ...(confusion === null ? [] : [confusion]),
    ...(sample === null ? [] : [textArtifact('sample.txt', sample)]),
  ]
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

/** Parameters and moving statistics by the names of the model; the averages where the job keeps some. */
export function finalValues({ parts, session }: Pick<Run, 'parts' | 'session'>): StoredTensors {
  const { model, spec } = parts
  const nameOf = spec.optimizer.ema ? emaOf : (name: string) => name
  const params = Object.keys(model.parameters)
  const values = session.get([...params.map(nameOf), ...Object.keys(model.moments)])
  return Object.fromEntries(
    [
      ...params.map((name) => [name, nameOf(name)] as const),
      ...Object.keys(model.moments).map((name) => [name, name] as const),
    ].flatMap(([name, stored]) => {
      const value = values[stored]
      return value ? [[name, value]] : []
    }),
  )
}

function textArtifact(name: string, text: string): Artifact {
  return { name, mediaType: 'text/plain; charset=utf-8', bytes: new TextEncoder().encode(text) }
}
