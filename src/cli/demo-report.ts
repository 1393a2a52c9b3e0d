import type { JobResult } from '../contracts/training-job.js'
import { count, formatTable, percent } from './table.js'

export interface DemoRun {
  readonly dense: JobResult
  readonly pruned: JobResult
  /** Of the pruned job, from its claim to its end. */
  readonly jobSeconds: number
  readonly files: readonly string[]
}

/** What `demo --json` ends with. */
export function machineReadable({ dense, pruned, jobSeconds }: DemoRun) {
  return {
    testAccuracy: testAccuracy(pruned),
    denseAccuracy: testAccuracy(dense),
    sparsity: pruned.sparsity,
    perLayerSparsity: pruned.perLayerSparsity,
    steps: pruned.steps,
    msPerStep: pruned.msPerStep,
    clippedStepShare: pruned.clippedStepShare,
    bytes: pruned.bytes,
    jobSeconds,
    weightsSha256: pruned.weightsSha256,
  }
}

export function demoTable({ dense, pruned, jobSeconds, files }: DemoRun, url: string, serving: boolean): string {
  const columns = [dense, pruned]
  const row = (name: string, figure: (result: JobResult) => string) => [name, ...columns.map(figure)]
  const figures = formatTable([
    ['', 'dense control', 'pruned'],
    row('test accuracy', (result) => percent(testAccuracy(result))),
    row('sparsity', (result) => percent(result.sparsity)),
    row('bytes, safetensors', (result) => count(result.bytes.dense)),
    row('bytes, gzip', (result) => count(result.bytes.gzip)),
    row('bytes, sparse', (result) => count(result.bytes.sparse)),
    row('clipped steps', (result) => percent(result.clippedStepShare, 1)),
    row('steps per second', (result) => count(Math.round(1000 / result.msPerStep))),
  ])
  const layers = formatTable(
    pruned.perLayerSparsity.map(({ layer, weights, removed, sparsity }) => [
      `  ${layer}`,
      `${count(removed)} of ${count(weights)} weights removed`,
      percent(sparsity),
    ]),
  )
  const swagger = serving ? `${url}/docs` : `${url}/docs while the service runs (--keep, or \`espalier serve\`)`
  return [
    figures,
    '',
    `pruned job: ${pruned.steps} steps in ${jobSeconds.toFixed(1)} s; per layer:`,
    layers,
    '',
    'files:',
    ...files.map((file) => `  ${file}`),
    `Swagger UI: ${swagger}`,
  ].join('\n')
}

/** Of the 10,000 test images, at the last step. */
function testAccuracy(result: JobResult): number {
  const accuracy = result.test?.accuracy
  if (accuracy === undefined) throw new Error('the job has no test accuracy')
  return accuracy
}
