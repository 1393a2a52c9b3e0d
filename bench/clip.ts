import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { formatTable } from '../src/cli/table.js'
import { engineInfo } from '../src/ml/engine/info.js'
import { CLIPPINGS, choosesXla } from './clipping.js'
import { type ClippingCosts, measureCosts, type Share } from './clipping-costs.js'
import { machineOf } from './machine.js'
import { MODELS } from './models.js'
import { BATCH_SIZE } from './runner.js'

const { values: flags } = parseArgs({
  options: {
    json: { type: 'string' },
    rounds: { type: 'string', default: '12' },
    models: { type: 'string', default: 'mlp,lenet-5' },
    modes: { type: 'string', default: Object.keys(CLIPPINGS).join() },
  },
})
const rounds = Number(flags.rounds)
if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError('--rounds is a whole number from 1')
const models = flags.models.split(',').map((key) => chosen('--models', MODELS, key))
const modes = flags.modes.split(',').map((key) => chosen('--modes', CLIPPINGS, key).mode)

function chosen<T>(flag: string, among: Readonly<Record<string, T>>, key: string): T {
  const found = among[key]
  if (!found) throw new RangeError(`${flag}: '${key}' is none of ${Object.keys(among).join(', ')}`)
  return found
}

function report({ name, xla, unclipped, control, modes }: ClippingCosts): string {
  const cells = ({ wall, cpu }: Share) => [wall.median, wall.ofMinima, cpu.median].map(percent)
  const rows = [
    [`${name}, ${xla ? 'XLA' : 'without XLA'}`, 'clipping', 'best', 'CPU', 'ledger', 'best', 'CPU'],
    ...modes.map(({ mode, clipping, ledger }) => [mode, ...cells(clipping), ...cells(ledger)]),
    ['(unclipped, once more)', ...cells(control)],
  ]
  const { wall, cpu } = unclipped
  const step = `unclipped: ${wall.median.toFixed(2)} ms a step (best round ${wall.min.toFixed(2)}), ${cpu.median.toFixed(2)} ms of CPU`
  return `${formatTable(rows)}\n${step}\n`
}

function percent(share: number): string {
  return `${share < 0 ? '−' : '+'}${Math.abs(share * 100).toFixed(1)} %`
}

console.log(
  `Shares of the unclipped step: median over ${rounds} rounds, of the best rounds, and of CPU time (median). A job of many steps.\n`,
)
const measured: ClippingCosts[] = []
for (const model of models) {
  // Short jobs are not worth a compilation by XLA.
  for (const xla of choosesXla(model) ? [true, false] : [false]) {
    const costs = measureCosts(model, { modes, xla, rounds })
    measured.push(costs)
    console.log(report(costs))
  }
}
const machine = machineOf(engineInfo())
if (flags.json)
  writeFileSync(
    path.resolve(flags.json),
    `${JSON.stringify({ models: measured, rounds, batchSize: BATCH_SIZE, machine }, null, 2)}\n`,
  )
