import { Argument, Command } from 'commander'
import { UsageError } from '../../src/cli/exit-codes.js'
import { print, say } from '../../src/cli/jobs.js'
import { integer } from '../../src/cli/options.js'
import { runProgram } from '../../src/cli/run-program.js'
import { addServiceOptions, type ServiceFlags, withService } from '../service.js'
import { publishedTable, verdictOf } from './figures.js'
import { type RowFigures, rowFigures, runRow } from './rows.js'
import { type Row, TABLES, type Table } from './tables.js'

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

/** @throws UsageError for what is no number of a row: a table of nothing would hold all its bounds */
function chosenRows({ rows }: Table, list: string | undefined): readonly Row[] {
  if (list === undefined) return rows
  return list.split(',').map((text) => {
    const row = /^\d+$/.test(text) ? rows[Number(text)] : undefined
    if (!row) throw new UsageError(`--rows: '${text}' is no number from 0 to ${rows.length - 1}`)
    return row
  })
}

async function run(network: Table['model'], flags: Flags): Promise<void> {
  const began = performance.now()
  const tell = flags.json ? say : print
  const table = TABLES[network]
  const rows = chosenRows(table, flags.rows)
  const seeds = Array.from({ length: flags.seeds }, (_, place) => flags.seed + place)
  await withService(flags, async (client) => {
    const { id } = await client.useBuiltinDataset('mnist')
    const found: RowFigures[] = []
    for (const row of rows) found.push(rowFigures(row, await runRow(client, table, row, { seeds, datasetId: id })))
    const holds = found.every((row) => row.holds !== false)
    const seconds = (performance.now() - began) / 1000
    tell(`\n${publishedTable(table, found)}`)
    tell(`\n${verdictOf(found)} ${seconds.toFixed(0)} s.`)
    if (flags.json) print(JSON.stringify({ holds, seconds, network, rows: found }))
    if (!holds) process.exitCode = 1
  })
}

await runProgram(program)
