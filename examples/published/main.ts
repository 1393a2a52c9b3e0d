import { Argument, Command } from 'commander'
import { print, say } from '../../src/cli/jobs.js'
import { integer } from '../../src/cli/options.js'
import { runProgram } from '../../src/cli/run-program.js'
import { addServiceOptions, type ServiceFlags, withService } from '../service.js'
import { publishedTable } from './figures.js'
import { type RowFigures, rowFigures, runRow } from './rows.js'
import { TABLES, type Table } from './tables.js'

interface Flags extends ServiceFlags {
  readonly seed: number
  readonly seeds: number
  readonly rows?: string
  readonly json?: true
}

const program = new Command('published')
  .description(
    'prunes a network as published tables do, through the service, beside their figures: exit code 1 if a bound does not hold',
  )
  .addArgument(new Argument('<network>', 'which table').choices(Object.keys(TABLES)))
  .option('--seed <number>', 'first seed', integer(0, 2_000_000_000), 0)
  .option('--seeds <count>', 'jobs of a row', integer(1, 100), 3)
  .option('--rows <list>', 'numbers of the rows to run, such as 0,3; default: all')
  .option('--json', 'print the figures as one JSON line')
  .exitOverride()
addServiceOptions(program).action(run)

async function run(network: Table['model'], flags: Flags): Promise<void> {
  const began = performance.now()
  const tell = flags.json ? say : print
  const table = TABLES[network]
  const chosen = flags.rows?.split(',').map(Number)
  const rows = table.rows.filter((_, index) => chosen?.includes(index) ?? true)
  const seeds = Array.from({ length: flags.seeds }, (_, place) => flags.seed + place)
  await withService(flags, async (client) => {
    const { id } = await client.useBuiltinDataset('mnist')
    const found: RowFigures[] = []
    for (const row of rows) found.push(rowFigures(row, await runRow(client, table, row, { seeds, datasetId: id })))
    const holds = found.every((row) => row.holds !== false)
    const seconds = (performance.now() - began) / 1000
    tell(`\n${publishedTable(table, found)}`)
    tell(`\n${holds ? 'All bounds hold.' : 'NOT all bounds hold.'} ${seconds.toFixed(0)} s.`)
    if (flags.json) print(JSON.stringify({ holds, seconds, network, rows: found }))
    if (!holds) process.exitCode = 1
  })
}

await runProgram(program)
