import type { Readable } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import type { FieldError } from '../contracts/parse.js'
import { type EspalierError, problem } from '../errors.js'
import { type Column, grown, makeColumn, type Place, quote } from './column.js'

/** A file as columns; `rows` counts the lines below the header. */
export interface Table {
  readonly columns: readonly Column[]
  readonly rows: number
  /** Rows and cells that no table may have, at most 20. What they hold is not in the columns: with a fault the table is of no use. */
  readonly faults: readonly FieldError[]
  /** Where a row is; rows count from 1. */
  placeOf(row: number): Place
}

export interface TableLimits {
  readonly rows: number
  readonly columns: number
  /** Rows · columns: what has to fit in memory, at 4 bytes each and again while it is stored. */
  readonly cells: number
}
export const TABLE_LIMITS: TableLimits = { rows: 5_000_000, columns: 16_384, cells: 50_000_000 }

const MAX_ERRORS = 20
const MAX_NAME_LENGTH = 200
/** A quotation mark that is never closed ends here and not with the memory. */
const MAX_RECORD_BYTES = 4 * 1024 * 1024

/**
 * Reads a table: UTF-8, comma-separated (RFC 4180), first line the names of the columns.
 * Ragged rows, empty cells and numbers that are not finite become faults.
 * @throws DATASET_INVALID for what makes the file as a whole unusable: no rows, missing or double names, more than the limits
 */
export async function readTable(body: Readable, limits: TableLimits = TABLE_LIMITS): Promise<Table> {
  const faults: FieldError[] = []
  let columns: Column[] | null = null
  let rows = 0
  let lines = new Int32Array(256)
  for await (const { record, line } of recordsOf(body)) {
    if (columns === null) {
      columns = checkHeader(record, limits).map(makeColumn)
      continue
    }
    rows += 1
    if (rows > limits.rows || rows * columns.length > limits.cells)
      throw unusable(
        `the file has more than ${rows - 1} rows of ${columns.length} columns, which is more than is taken`,
      )
    if (rows > lines.length) lines = grown(lines, new Int32Array(lines.length * 2))
    lines[rows - 1] = line
    faults.push(...addRow(columns, record, { row: rows, line }))
    if (faults.length >= MAX_ERRORS) break
  }
  if (columns === null) throw unusable('the file is empty: its first line must name the columns')
  if (rows === 0) throw unusable('the file has a header but zero rows')
  const placeOf = (row: number) => ({ row, line: lines[row - 1] ?? row + 1 })
  return { columns, rows, faults: faults.slice(0, MAX_ERRORS), placeOf }
}

function addRow(columns: readonly Column[], record: readonly string[], place: Place): FieldError[] {
  if (record.length !== columns.length) {
    const detail = `row ${place.row} (line ${place.line}) has ${record.length} cells; the header has ${columns.length}`
    return [{ pointer: `/rows/${place.row}`, detail }]
  }
  return columns.flatMap((column, index) => {
    const wrong = column.add(record[index] ?? '', place)
    return wrong === null ? [] : [cellError(place, column.name, wrong)]
  })
}

/** Names row, line and column. */
export function cellError({ row, line }: Place, column: string, detail: string): FieldError {
  return {
    pointer: `/rows/${row}/${column.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    detail: `row ${row} (line ${line}), column ${quote(column)}: ${detail}`,
  }
}

/** The first error is the message: there may be many of the same kind. */
export function invalid(errors: readonly FieldError[]): EspalierError {
  const [first] = errors
  return problem('DATASET_INVALID', first ? `${first.pointer}: ${first.detail}` : 'the data cannot be used', errors)
}

/** The file as a whole is at fault. */
function unusable(detail: string): EspalierError {
  return invalid([{ pointer: '/file', detail }])
}

interface Line {
  readonly record: string[]
  readonly info: { readonly lines: number }
}

async function* recordsOf(body: Readable): AsyncGenerator<{ record: string[]; line: number }> {
  const parser = parse({
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
    max_record_size: MAX_RECORD_BYTES,
  })
  const feeding = feed(body, parser)
  try {
    for await (const item of parser) {
      // With `info: true` csv-parse wraps each record.
      const { record, info } = item as Line
      yield { record, line: info.lines }
    }
    await feeding
  } catch (error) {
    throw unreadable(error)
  } finally {
    parser.destroy()
    await feeding.catch(() => undefined)
    // The rest of a refused upload is read and thrown away, so that the answer can be sent.
    body.resume()
  }
}

/** Bytes that are not UTF-8 are refused: a replaced character would hide the damage. */
async function feed(body: Readable, parser: ReturnType<typeof parse>): Promise<void> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    for await (const chunk of body) {
      if (parser.destroyed) return
      if (!parser.write(decoder.decode(chunk as Buffer, { stream: true }))) await drained(parser)
    }
    parser.end(decoder.decode())
  } catch (error) {
    parser.destroy(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
}

/** Until the parser takes more, or is closed. */
function drained(parser: ReturnType<typeof parse>): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      parser.off('drain', done).off('close', done)
      resolve()
    }
    parser.on('drain', done).on('close', done)
  })
}

function unreadable(error: unknown): unknown {
  if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
    return unusable('the file is not UTF-8 text: save it as CSV in UTF-8')
  if (!(error instanceof CsvError)) return error
  const line = typeof error.lines === 'number' ? ` (line ${error.lines})` : ''
  if (error.code === 'CSV_QUOTE_NOT_CLOSED') return unusable(`a quotation mark is never closed${line}`)
  if (error.code === 'CSV_MAX_RECORD_SIZE')
    return unusable(`a row is longer than ${MAX_RECORD_BYTES} bytes${line}; is a quotation mark never closed?`)
  return unusable(`the file is not CSV: ${error.message}`)
}

function checkHeader(header: readonly string[], limits: TableLimits): readonly string[] {
  if (header.length < 2) {
    const hint = /[;\t|]/.test(header[0] ?? '')
      ? 'columns are separated by commas'
      : 'a text, of which the next character is to be predicted, is sent as a file named .txt'
    throw unusable(`the file has one column, and needs at least two: a feature and the target; ${hint}`)
  }
  if (header.length > limits.columns)
    throw unusable(`the file has ${header.length} columns; at most ${limits.columns} are taken`)
  const first = new Map<string, number>()
  const errors = header.flatMap((name, index) => {
    const fault = faultOfName(name, first.get(name))
    if (fault === null) first.set(name, index + 1)
    return fault === null ? [] : [{ pointer: '/file', detail: `header, column ${index + 1}: ${fault}` }]
  })
  if (errors.length > 0) throw invalid(errors.slice(0, MAX_ERRORS))
  if (header.every((name) => Number.isFinite(Number(name))))
    throw unusable('the first line must name the columns, but it holds numbers alone')
  return header
}

function faultOfName(name: string, sameAs: number | undefined): string | null {
  if (name === '') return 'has no name'
  if (name.length > MAX_NAME_LENGTH) return `the name is longer than ${MAX_NAME_LENGTH} characters`
  // Whoever keeps values by column name in a plain object would lose this one.
  if (name === '__proto__') return 'no column may be named "__proto__"'
  if (name.includes('\0')) return 'the name has a control character'
  return sameAs === undefined ? null : `${quote(name)} is the name of column ${sameAs} already`
}
