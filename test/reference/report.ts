import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { tf } from '../../src/ml/engine/tensorflow.js'
import { parseFile, type ReferenceCase, type ReferenceFile } from './json.js'
import { type CaseRunner, type Outcome, unsupported } from './outcome.js'
import { runClipping } from './runners/clipping.js'
import { runClippingNonFinite } from './runners/clipping-nonfinite.js'
import { runCompaction } from './runners/compaction.js'
import { runLayers } from './runners/layers.js'
import { runLossesMetrics } from './runners/losses-metrics.js'
import { runMasks } from './runners/masks.js'
import { runOptimizers } from './runners/optimizers.js'
import { runSchedules } from './runners/schedules.js'
import { runTrainingTrajectory } from './runners/training-trajectory.js'

/** By what the name of a file contains; a longer key comes before a shorter one that it contains. */
const RUNNERS: readonly (readonly [string, CaseRunner])[] = [
  ['clipping-nonfinite', runClippingNonFinite],
  ['clipping', runClipping],
  ['optimizers', runOptimizers],
  ['schedules', runSchedules],
  ['masks', runMasks],
  ['layers', runLayers],
  ['losses-metrics', runLossesMetrics],
  ['training-trajectory', runTrainingTrajectory],
  // tfmot lets removed weights come back; the masks of Espalier only grow.
  ['pruning-trajectory', () => unsupported('masks that may shrink again')],
  ['compaction', runCompaction],
]

export interface FileReport {
  readonly file: string
  readonly passed: number
  readonly failures: readonly { readonly name: string; readonly detail: string }[]
  /** Names of cases by the feature that is missing. */
  readonly unsupported: ReadonlyMap<string, readonly string[]>
  /** Names of cases whose values are no target, by reason. */
  readonly documentation: ReadonlyMap<string, readonly string[]>
  /** Names of passed cases by what is to be known about them. */
  readonly notes: ReadonlyMap<string, readonly string[]>
}

/** Runs every case of every `*.json` in a folder. */
export async function runFolder(folder: string): Promise<FileReport[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort()
  const reports: FileReport[] = []
  for (const name of files) reports.push(runFile(name, await readFile(path.join(folder, name), 'utf8')))
  return reports
}

/** Why the run must count as failed, or null. */
export function verdict(reports: readonly FileReport[]): string | null {
  if (reports.length === 0) return 'the folder has no *.json'
  const failed = reports.reduce((sum, report) => sum + report.failures.length, 0)
  if (failed > 0) return `${failed} cases failed`
  return reports.some(({ passed }) => passed > 0) ? null : 'no case ran'
}

export function formatReport({ file, passed, failures, ...groups }: FileReport): string {
  const lines = [
    `${file}: ${passed} passed, ${failures.length} failed, ${count(groups.unsupported)} not supported yet` +
      (groups.documentation.size === 0 ? '' : `, ${count(groups.documentation)} documentation`),
    ...failures.map(({ name, detail }) => `  FAILED ${name}: ${detail}`),
    ...group('note', groups.notes),
    ...group('not supported yet', groups.unsupported),
    ...group('documentation, no target', groups.documentation),
  ]
  return lines.join('\n')
}

function runFile(file: string, text: string): FileReport {
  const failures: { name: string; detail: string }[] = []
  const missing = new Map<string, string[]>()
  const documentation = new Map<string, string[]>()
  const notes = new Map<string, string[]>()
  let passed = 0
  const run = RUNNERS.find(([key]) => file.includes(key))?.[1] ?? (() => unsupported('file of an unknown name'))
  let content: ReferenceFile = { content: {}, cases: [] }
  try {
    content = parseFile(text)
  } catch (error) {
    failures.push({ name: '(the file)', detail: `is not a reference file: ${String(error)}` })
  }
  for (const reference of content.cases) {
    const outcome = attempt(() => run(reference, content))
    if (outcome instanceof Error) failures.push({ name: reference.name, detail: outcome.message })
    else if (outcome.kind === 'unsupported') push(missing, outcome.feature, reference)
    else if (outcome.kind === 'documentation') push(documentation, outcome.feature, reference)
    else {
      passed++
      if (outcome.note !== undefined) push(notes, outcome.note, reference)
    }
  }
  return { file, passed, failures, unsupported: missing, documentation, notes }
}

function attempt(run: () => Outcome): Outcome | Error {
  tf.engine().startScope()
  try {
    return run()
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  } finally {
    tf.engine().endScope()
  }
}

function push(groups: Map<string, string[]>, key: string, { name }: ReferenceCase): void {
  groups.set(key, [...(groups.get(key) ?? []), name])
}

function count(groups: ReadonlyMap<string, readonly string[]>): number {
  return [...groups.values()].reduce((sum, names) => sum + names.length, 0)
}

function group(label: string, groups: ReadonlyMap<string, readonly string[]>): string[] {
  return [...groups].map(([key, names]) => `  ${label}: ${key} (${names.length}): ${names.join(', ')}`)
}
