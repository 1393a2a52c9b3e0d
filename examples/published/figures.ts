import { count, formatTable } from '../../src/cli/table.js'
import type { RowFigures } from './rows.js'
import type { Table } from './tables.js'

const HEAD = ['', 'published', 'bound', 'test error %', 'holds', 'kept weights', 'parameters', 'MACs', 'batch 64']

/** A line for each row: mean ± standard deviation of the test error at the last step; sizes and latency are those of the first seed. */
export function publishedTable({ model }: Table, rows: readonly RowFigures[]): string {
  const lines = rows.map(({ row, mean, deviation, holds, trials }) => {
    const [first] = trials
    const report = first?.report ?? null
    const latency = report?.latency?.find(({ batch }) => batch === 64)
    const bound = row.bound === null ? (row.goal === undefined ? '–' : `goal ${row.goal}`) : `≤ ${row.bound}`
    const reached = row.goal === undefined ? '–' : mean <= row.goal ? 'goal met' : 'goal missed'
    return [
      row.name,
      row.published,
      bound,
      `${mean.toFixed(2)} ± ${deviation.toFixed(2)}`,
      holds === null ? reached : holds ? 'yes' : 'NO',
      report === null ? '–' : count(report.parameters.nonZero),
      report === null ? '–' : count(report.parameters.compact),
      report === null ? '–' : count(report.macs.compact),
      latency ? latency.verdict : '–',
    ]
  })
  return `${model} on MNIST, test error at the last step\n${formatTable([HEAD, ...lines])}`
}

/** Whether the bounds hold, of the rows that have one. */
export function verdictOf(rows: readonly Pick<RowFigures, 'holds'>[]): string {
  if (rows.some(({ holds }) => holds === false)) return 'NOT all bounds hold.'
  return rows.some(({ holds }) => holds) ? 'All bounds hold.' : 'None of these rows has a bound.'
}
