import { writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { formatTable } from '../src/cli/table.js'
import { engineInfo } from '../src/ml/engine/info.js'
import { makeEspalierRunners } from './espalier.js'
import { type BenchModel, MODELS } from './models.js'
import { startPeers } from './peers.js'
import { BATCH_SIZE, type Runner } from './runner.js'
import { ratios, summarize, type Timing } from './statistics.js'

const { values: flags } = parseArgs({
  options: {
    json: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    models: { type: 'string', default: Object.keys(MODELS).join() },
  },
})
const ROUNDS = Number(flags.rounds)
if (!Number.isInteger(ROUNDS) || ROUNDS < 1) throw new RangeError('--rounds is a whole number from 1')

const wanted = flags.models.split(',').map((key) => {
  const model = MODELS[key]
  if (!model) throw new RangeError(`--models: '${key}' is none of ${Object.keys(MODELS).join(', ')}`)
  return model
})

interface ModelResult {
  readonly name: string
  readonly compiledMs: Timing
  readonly eagerMs: Timing
  /** Eager ÷ compiled, taken within each round. */
  readonly eagerToCompiled: Timing
  readonly peers: Readonly<Record<string, Timing>>
  readonly bestPeer: string | null
  /** Compiled ÷ best peer (the one with the lowest median), taken within each round; below 1 Espalier is the faster. */
  readonly ratioToBestPeer: Timing | null
}

interface Contestants {
  readonly compiled: Runner
  readonly eager: Runner
  readonly peers: readonly Runner[]
}

/** The runners take turns within a round, so that a slow minute of the machine falls on all of them. */
async function compare(model: BenchModel, { compiled, eager, peers }: Contestants): Promise<ModelResult> {
  const times = new Map<Runner, number[]>([compiled, eager, ...peers].map((runner) => [runner, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [runner, measured] of times) {
      try {
        measured.push(await runner.measure(model))
      } catch (error) {
        if (!peers.includes(runner)) throw error
        console.error(`${runner.name} is left out for ${model.name}: ${error instanceof Error ? error.message : error}`)
        times.delete(runner)
      }
    }
  }
  const timesOf = (runner: Runner) => times.get(runner) ?? []
  const timingOf = (runner: Runner) => summarize(timesOf(runner))
  const measured = peers.filter((peer) => times.has(peer))
  const [best] = measured.toSorted((a, b) => timingOf(a).median - timingOf(b).median)
  return {
    name: model.name,
    compiledMs: timingOf(compiled),
    eagerMs: timingOf(eager),
    eagerToCompiled: summarize(ratios(timesOf(eager), timesOf(compiled))),
    peers: Object.fromEntries(measured.map((peer) => [peer.name, timingOf(peer)])),
    bestPeer: best?.name ?? null,
    ratioToBestPeer: best ? summarize(ratios(timesOf(compiled), timesOf(best))) : null,
  }
}

function report(result: ModelResult): string {
  const row = (name: string, timing: Timing) => [
    name,
    timing.median.toFixed(2),
    `${timing.min.toFixed(2)}–${timing.max.toFixed(2)}`,
    (timing.median / result.compiledMs.median).toFixed(2),
  ]
  const rows = [
    [result.name, 'ms/step', 'range', '÷ compiled'],
    row('espalier compiled', result.compiledMs),
    row('espalier eager', result.eagerMs),
    ...Object.entries(result.peers).map(([name, timing]) => row(name, timing)),
  ]
  const verdict =
    result.ratioToBestPeer === null
      ? 'no peers here: `npm run bench:peers` installs them'
      : `${result.ratioToBestPeer.median.toFixed(2)} × the time of the best peer (${result.bestPeer})`
  return `${formatTable(rows)}\ncompiled: ${result.eagerToCompiled.median.toFixed(1)} times as fast as eager; ${verdict}\n`
}

const { compiled, eager } = makeEspalierRunners()
const root = process.cwd() // npm runs scripts in the folder of package.json
const peers = startPeers(root)
const models: ModelResult[] = []
try {
  for (const model of wanted) {
    const suited = peers.filter(({ suits }) => suits?.(model) ?? true)
    const result = await compare(model, { compiled, eager, peers: suited })
    models.push(result)
    console.log(report(result))
  }
} finally {
  for (const runner of [compiled, eager, ...peers]) runner.close()
}
const machine = {
  cpu: os.cpus()[0]?.model ?? 'unknown',
  cores: os.availableParallelism(),
  node: process.version,
  engine: engineInfo(),
}
if (flags.json)
  writeFileSync(
    path.resolve(flags.json),
    `${JSON.stringify({ models, rounds: ROUNDS, batchSize: BATCH_SIZE, machine }, null, 2)}\n`,
  )
