import type { Artifact, Checkpoint } from '../contracts/artifact.js'
import type { EventType, JobEvent } from '../contracts/event.js'
import { LAYER_SERIES_PREFIX, type MetricSeries } from '../contracts/metric.js'
import type { Database } from './database.js'
import type { Artifact as ArtifactRow, MetricChunk } from './generated/client.js'
import { fromJson } from './json.js'

export interface MetricsFilter {
  readonly names?: readonly string[] | undefined
  readonly fromStep?: number | undefined
  /** Exclusive. */
  readonly toStep?: number | undefined
}

/** What a job has written so far. The caller has checked that the job belongs to the project. */
export interface JobLog {
  /** In order of sequence; those after `afterSequence` (0: from the first). */
  events(jobId: string, afterSequence: number, limit: number): Promise<JobEvent[]>
  /** By name; steps ascend. */
  metrics(jobId: string, filter?: MetricsFilter): Promise<MetricSeries[]>
  /** Names of the layer series that the job has recorded so far, ascending. */
  layerSeries(jobId: string): Promise<string[]>
  /** By name. */
  artifacts(jobId: string): Promise<Artifact[]>
  artifact(jobId: string, name: string): Promise<(Artifact & { readonly key: string }) | null>
  /** The newest first. */
  checkpoints(jobId: string): Promise<Checkpoint[]>
}

export function makeJobLog({ prisma }: Database): JobLog {
  return {
    events: async (jobId, afterSequence, limit) => {
      const rows = await prisma.jobEvent.findMany({
        where: { jobId, sequence: { gt: afterSequence } },
        orderBy: { sequence: 'asc' },
        take: limit,
      })
      return rows.map(({ sequence, type, attempt, data, at }) => ({
        sequence,
        type: type as EventType, // Only appendEvent writes the column.
        attempt,
        data: fromJson<Record<string, unknown>>(data),
        at: at.toISOString(),
      }))
    },
    metrics: async (jobId, { names, fromStep = 0, toStep } = {}) => {
      const chunks = await prisma.metricChunk.findMany({
        where: {
          jobId,
          lastStep: { gte: fromStep },
          ...(names && { name: { in: [...names] } }),
          ...(toStep !== undefined && { firstStep: { lt: toStep } }),
        },
        orderBy: [{ name: 'asc' }, { firstStep: 'asc' }],
      })
      return joinChunks(chunks, fromStep, toStep ?? Number.POSITIVE_INFINITY)
    },
    layerSeries: async (jobId) => {
      const groups = await prisma.metricChunk.groupBy({
        by: ['name'],
        where: { jobId, name: { startsWith: LAYER_SERIES_PREFIX } },
        orderBy: { name: 'asc' },
      })
      return groups.map(({ name }) => name)
    },
    artifacts: async (jobId) => {
      const rows = await prisma.artifact.findMany({ where: { jobId }, orderBy: { name: 'asc' } })
      return rows.map(toArtifact)
    },
    artifact: async (jobId, name) => {
      const row = await prisma.artifact.findUnique({ where: { jobId_name: { jobId, name } } })
      return row && { ...toArtifact(row), key: row.objectKey }
    },
    checkpoints: async (jobId) => {
      const rows = await prisma.checkpoint.findMany({ where: { jobId }, orderBy: { step: 'desc' } })
      return rows.map(({ step, attempt, bytes, sha256, createdAt }) => ({
        step,
        attempt,
        bytes: Number(bytes),
        sha256,
        createdAt: createdAt.toISOString(),
      }))
    },
  }
}

/** Chunks in order of name and step → series; only the first and the last chunk of one can reach beyond the limits. */
function joinChunks(chunks: readonly MetricChunk[], fromStep: number, toStep: number): MetricSeries[] {
  const series: MetricSeries[] = []
  for (const chunk of chunks) {
    let current = series.at(-1)
    if (current?.name !== chunk.name) {
      current = { name: chunk.name, steps: [], values: [] }
      series.push(current)
    }
    for (const [index, step] of chunk.steps.entries()) {
      const value = chunk.values[index]
      if (step < fromStep || step >= toStep || value === undefined) continue
      current.steps.push(step)
      current.values.push(value)
    }
  }
  return series
}

function toArtifact({ name, mediaType, bytes, sha256, createdAt }: ArtifactRow): Artifact {
  return { name, mediaType, bytes: Number(bytes), sha256, createdAt: createdAt.toISOString() }
}
