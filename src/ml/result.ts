import type { DatasetSchema } from '../contracts/dataset.js'
import type { JobResult } from '../contracts/training-job.js'
import type { TrainingJobSpec } from '../contracts/training-job-spec.js'
import { encodeSafetensors, type StoredTensors } from '../formats/safetensors.js'
import type { NamedModel } from '../planning/presets.js'
import { describeLayers } from '../planning/shapes.js'
import { confusionArtifact } from './confusion-artifact.js'
import type { EarlyStoppingState } from './early-stopping.js'
import type { Evaluated } from './evaluate.js'
import { evaluateWeights } from './evaluate-weights.js'
import { type Artifact, encodeWeights, exportWeights, makeReport, sha256 } from './export.js'
import { makeCard } from './exports/card.js'
import { makeExports } from './exports/make-exports.js'
import { quantized } from './exports/quantization.js'
import { finishMeans } from './metrics/make-metric.js'
import { sparsityOf, type WeightSparsity } from './pruner.js'
import { makePruningReport } from './pruning-report.js'
import { type Rebuilt, rebuild, sparsitiesOf, witnessesOf } from './rebuild.js'
import type { Run } from './run.js'
import { meansOf, type Running } from './running.js'
import { writeSample } from './sample.js'
import { deliveredWeights } from './state.js'
import type { TrainOptions } from './training.js'

/** Sends the artifacts of a finished run and gives its result. */
export async function deliver(
  run: Run,
  { schema, report, start = null }: Pick<TrainOptions, 'schema' | 'report' | 'start'>,
  measured: {
    running: Running
    validation: Evaluated
    test: Evaluated
    msPerStep: number
  },
): Promise<JobResult> {
  const { plan, parts, session, batches, pins } = run
  const { running } = measured
  const steps = running.endedAt ?? plan.steps
  const sparsities = sparsitiesOf(run)
  const { rebuilt, weights } = networkOf(run, schema, steps)
  const exported = exportWeights(weights)
  const pruning = makePruningReport(
    run,
    { schema },
    {
      ...{ rebuilt, weights, sparsities, running },
      means: { validation: measured.validation.means, test: measured.test.means },
    },
  )
  const result: JobResult = {
    steps,
    epochs: steps / batches.stepsPerEpoch,
    parameters: plan.parameters,
    train: running.epoch.epoch === batches.epochOf(steps - 1) ? finishMeans(meansOf(running.epoch)) : {},
    validation: measured.validation.means,
    test: measured.test.means,
    best: bestOf(plan.spec.checkpoints.best, running.best),
    clippedStepShare: running.clippedSteps / steps,
    nonFiniteSteps: running.nonFiniteSteps,
    sparsity: sparsityOf(sparsities),
    perLayerSparsity: byLayer(sparsities),
    bytes: exported.bytes,
    quantized: await quantizedMeans(run, rebuilt?.model ?? run.network, weights),
    weightsSha256: exported.sha256,
    msPerStep: measured.msPerStep,
    pins,
  }
  const sample = writeSample(parts, schema, session)
  const confusion = confusionArtifact(schema, measured)
  const artifacts = [
    ...(await makeExports(plan.spec.exports, {
      ...{ model: rebuilt?.model ?? run.network, weights, exported },
      isId: schema.featureType === 'int32',
      card: makeCard(plan.spec, result, dataSha256(run)),
    })),
    ...(confusion === null ? [] : [confusion]),
    ...(sample === null ? [] : [textArtifact('sample.txt', sample)]),
    ...(rebuilt === null ? [] : evidenceFiles(rebuilt, witnessesOf(run, schema).examples)),
  ]
  const card = makeReport({
    spec: plan.spec,
    schema,
    model: rebuilt?.model ?? run.network,
    layers: describeLayers(rebuilt?.model ?? run.network),
    start: start?.model ?? null,
    normalization: run.data.normalization,
    result,
    artifacts,
  })
  if (pruning) report.report('pruning', steps, pruning)
  for (const { name, mediaType, bytes } of [...artifacts, card]) await report.artifact(name, mediaType, bytes)
  return result
}

/** The network that is delivered: at the end of a job without units in its granularity, whatever can go without changing anything goes. */
function networkOf(run: Run, schema: DatasetSchema, steps: number) {
  if (run.rebuilt || !run.plan.spec.pruning?.compact) return { rebuilt: run.rebuilt, weights: finalValues(run) }
  const { rebuilt = null } = rebuild(run, schema, steps) ?? {}
  return { rebuilt, weights: rebuilt?.compacted ?? finalValues(run) }
}

/** The evaluation whose weights are those of now; null if none were kept. */
function bestOf(
  watched: TrainingJobSpec['checkpoints']['best'],
  { best: value, bestAt: step }: EarlyStoppingState,
): JobResult['best'] {
  return watched === undefined || value === null || step === null ? null : { step, monitor: watched.monitor, value }
}

/** Of the quantized formats that are to be delivered. */
async function quantizedMeans(run: Run, model: NamedModel, weights: StoredTensors): Promise<JobResult['quantized']> {
  const found: JobResult['quantized'] = []
  for (const format of run.plan.spec.exports)
    if (format === 'float16' || format === 'int8') {
      const { bytes, values } = quantized(weights, format)
      found.push({ format, bytes: bytes.byteLength, means: await evaluateWeights(run, model, values) })
    }
  return found
}

function dataSha256({ data }: Run): string {
  const { 'data/features': features, 'data/labels': labels } = data.state
  return sha256(encodeSafetensors({ ...(features && { features }), ...(labels && { labels }) }))
}

/** What `espalier verify` needs to compare both networks once more. */
function evidenceFiles({ masked, compacted, certificate }: Rebuilt, examples: StoredTensors): Artifact[] {
  const mediaType = 'application/octet-stream'
  const text = `${JSON.stringify(certificate, null, 2)}\n`
  return [
    { name: 'masked.safetensors', mediaType, bytes: encodeWeights(masked) },
    { name: 'compacted.safetensors', mediaType, bytes: encodeWeights(compacted) },
    { name: 'certificate-inputs.safetensors', mediaType, bytes: encodeSafetensors(examples, {}) },
    { name: 'certificate.json', mediaType: 'application/json', bytes: new TextEncoder().encode(text) },
  ]
}

/** The weights of a layer together. */
function byLayer(weights: readonly WeightSparsity[]): JobResult['perLayerSparsity'] {
  const layers = new Map<string, { weights: number; removed: number }>()
  for (const each of weights) {
    const layer = each.name.slice(0, each.name.lastIndexOf('/'))
    const sum = layers.get(layer) ?? { weights: 0, removed: 0 }
    layers.set(layer, { weights: sum.weights + each.weights, removed: sum.removed + each.removed })
  }
  return [...layers].map(([layer, sum]) => ({ layer, ...sum, sparsity: sum.removed / sum.weights }))
}

/** Parameters and moving statistics by the names of the model; the averages where the job keeps some. */
export function finalValues({ parts, session, mutable }: Pick<Run, 'parts' | 'session' | 'mutable'>): StoredTensors {
  return deliveredWeights(parts, session.get(mutable))
}

function textArtifact(name: string, text: string): Artifact {
  return { name, mediaType: 'text/plain; charset=utf-8', bytes: new TextEncoder().encode(text) }
}
