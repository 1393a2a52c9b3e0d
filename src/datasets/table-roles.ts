import { parse } from 'csv-parse/sync'
import { type Column, quote } from './column.js'
import { invalid } from './csv.js'

const NAMES_SHOWN = 20

/**
 * The columns that `target` names: one column by its whole name, or several with commas between them and quotation marks as in the header
 * of the file. Default the last column.
 * @throws DATASET_INVALID when a name is no column, or is given twice
 */
export function findTargets(columns: readonly Column[], target: string | undefined): readonly Column[] {
  if (target === undefined) return columns.slice(-1)
  const whole = columns.find((column) => column.name === target)
  if (whole) return [whole]
  const found = namesIn(target).map((name) => findColumn(columns, name, '/target'))
  const twice = found.find((column, index) => found.indexOf(column) !== index)
  if (twice) throw invalid([{ pointer: '/target', detail: `${quote(twice.name)} is given twice` }])
  return found
}

/** @throws DATASET_INVALID that names the columns there are */
export function findColumn(columns: readonly Column[], name: string, pointer: string): Column {
  const found = columns.find((column) => column.name === name)
  if (found) return found
  throw invalid([{ pointer, detail: `${quote(name)} is no column; the file has ${namesOf(columns)}` }])
}

/** The first of them, for a message. */
export function namesOf(columns: readonly Column[]): string {
  const names = columns.slice(0, NAMES_SHOWN).map((column) => quote(column.name))
  return `${names.join(', ')}${columns.length > NAMES_SHOWN ? ', …' : ''}`
}

/** A text that is no row of a CSV file is one name, and will be told to be no column. */
function namesIn(target: string): readonly string[] {
  try {
    const rows: string[][] = parse(target, { trim: true })
    return rows.length === 1 && rows[0] ? rows[0] : [target]
  } catch {
    return [target]
  }
}
