import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { count, formatTable } from '../src/cli/table.js'
import { engineInfo } from '../src/ml/engine/info.js'
import { machineOf } from './machine.js'
import { GOAL, judgeGoal, measurePruning, PRUNED_MODELS, type PruningResult } from './pruning.js'
import { type BothSizes, startPruningPeers } from './pruning-peer.js'

const SPARSITIES = [0.5, 0.75]
/** Of a request by itself, and of a batch. */
const BATCHES = [1, 64]
/** Fewer hold no interval of 95 %. */
const FEWEST_ROUNDS = 6

const { values: flags } = parseArgs({
  options: {
    json: { type: 'string' },
    rounds: { type: 'string', default: '41' },
    models: { type: 'string', default: Object.keys(PRUNED_MODELS).join() },
  },
})
const rounds = Number(flags.rounds)
if (!Number.isInteger(rounds) || rounds < FEWEST_ROUNDS)
  throw new RangeError(`--rounds is a whole number from ${FEWEST_ROUNDS}`)
const models = flags.models.split(',').map((key) => {
  const model = PRUNED_MODELS[key]
  if (!model) throw new RangeError(`--models: '${key}' is none of ${Object.keys(PRUNED_MODELS).join(', ')}`)
  return model
})

function report(result: PruningResult): string {
  const { name, kind, sparsity, bytes, compactionMs, largestDifference } = result
  const row = (who: string, { parameters, macs, latency }: Pick<PruningResult, 'parameters' | 'macs' | 'latency'>) => [
    who,
    change(parameters),
    change(macs),
    ...latency.flatMap(({ denseMs, compactMs, speedup }) => [
      `${denseMs.median.toFixed(3)} → ${compactMs.median.toFixed(3)}`,
      `×${speedup.median.toFixed(2)} (${speedup.low.toFixed(2)}–${speedup.high.toFixed(2)})`,
    ]),
  ]
  const what = kind === 'filter' ? 'filters' : 'filters and neurons'
  const speeds = [
    [
      `${name}, ${sparsity * 100} % of the ${what} removed`,
      ...['parameters', 'MACs'],
      ...result.latency.flatMap(({ batch }) => [`ms, batch ${batch}`, 'as fast (95 %)']),
    ],
    row('Espalier', result),
    ...result.peers.map((peer) => row(peer.name, peer)),
  ]
  const files = [
    ['bytes of the weights', 'safetensors', 'gzipped', 'sparse'],
    ...Object.entries(bytes).map(([weights, { dense, gzip, sparse }]) => [
      weights,
      ...[dense, gzip, sparse].map(count),
    ]),
  ]
  return `${formatTable(speeds)}\n\n${formatTable(files)}
compaction: ${compactionMs.median.toFixed(1)} ms (${compactionMs.min.toFixed(1)}–${compactionMs.max.toFixed(1)}); outputs differ by at most ${largestDifference === 0 ? '0' : largestDifference.toExponential(1)} of the largest
`
}

function change({ dense, compact }: BothSizes): string {
  return `${count(dense)} → ${count(compact)}`
}

console.log(
  `Weights as drawn, units removed in one shot by magnitude (L2), the same share in every layer. Milliseconds: median over ${rounds} rounds in which dense and compact network take turns.\n`,
)
const results: PruningResult[] = []
const peers = startPruningPeers(process.cwd()) // npm runs scripts in the folder of package.json
if (peers.length === 0) console.log('no peers here: `npm run bench:peers` installs them\n')
try {
  for (const model of models)
    for (const sparsity of SPARSITIES) {
      const result = await measurePruning(model, { sparsity, rounds, batches: BATCHES }, peers)
      results.push(result)
      console.log(report(result))
    }
} finally {
  for (const peer of peers) peer.close()
}
for (const result of results) {
  const verdict = judgeGoal(result)
  if (verdict !== null)
    console.log(
      `goal, ${GOAL.sparsity * 100} % removed at least ×${GOAL.speedup} as fast at batch ${GOAL.batch}: ${verdict} for ${result.name}`,
    )
}
const machine = machineOf(engineInfo())
if (flags.json)
  writeFileSync(path.resolve(flags.json), `${JSON.stringify({ results, rounds, goal: GOAL, machine }, null, 2)}\n`)
