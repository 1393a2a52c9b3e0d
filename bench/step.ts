import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { formatTable } from '../src/cli/table.js'
import type { EngineInfo } from '../src/ml/engine/info.js'
import type { ModelResult } from './compare.js'
import { machineOf } from './machine.js'
import { MODELS } from './models.js'
import { BATCH_SIZE } from './runner.js'
import type { Timing } from './statistics.js'
import type { Measured } from './step-model.js'

const { values: flags } = parseArgs({
  options: {
    json: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    models: { type: 'string', default: Object.keys(MODELS).join() },
  },
})
const ROUNDS = Number(flags.rounds)
if (!Number.isInteger(ROUNDS) || ROUNDS < 1) throw new RangeError('--rounds is a whole number from 1')

const wanted = flags.models.split(',')
for (const key of wanted)
  if (!MODELS[key]) throw new RangeError(`--models: '${key}' is none of ${Object.keys(MODELS).join(', ')}`)

/** In a process of its own, as a job is run: the threads are those that suit the model. */
async function measureInProcess(key: string): Promise<Measured> {
  const child = fork(fileURLToPath(new URL('./step-model.js', import.meta.url)), [key, String(ROUNDS)])
  let measured: Measured | undefined
  child.on('message', (message) => {
    measured = message as Measured // sent by step-model.ts only
  })
  const [code] = await once(child, 'close')
  if (!measured) throw new Error(`${key}: the process that measures ended with code ${code}`)
  return measured
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

const models: ModelResult[] = []
let engine: EngineInfo | null = null
for (const key of wanted) {
  const measured = await measureInProcess(key)
  models.push(measured.result)
  engine = measured.engine
  console.log(report(measured.result))
}
const machine = machineOf(engine)
if (flags.json)
  writeFileSync(
    path.resolve(flags.json),
    `${JSON.stringify({ models, rounds: ROUNDS, batchSize: BATCH_SIZE, machine }, null, 2)}\n`,
  )
