import type { Readable } from 'node:stream'
import { parse } from 'csv-parse'
import type { FieldError } from '../contracts/parse.js'
import { type EspalierError, problem } from '../errors.js'
import { type Column, makeColumn, type Place, quote } from './column.js'

/** A file as columns; `rows` counts the lines below the header. */
export interface Table {
  readonly columns: readonly Column[]
  readonly rows: number
}

const MAX_COLUMNS = 10_000
const MAX_ERRORS = 20

/**
 * Reads a table: UTF-8, comma-separated (RFC 4180), first line the names of the columns.
 * @throws DATASET_INVALID naming row and column: no rows, missing or double names, ragged rows, empty cells, numbers that are not finite
 */
export async function readTable(body: Readable): Promise<Table> {
  const errors: FieldError[] = []
  let columns: Column[] | null = null
  let rows = 0
  for await (const { record, line } of recordsOf(body)) {
    if (columns === null) columns = checkHeader(record).map(makeColumn)
    else errors.push(...addRow(columns, record, { row: ++rows, line }))
    if (errors.length >= MAX_ERRORS) break
  }
  if (columns === null) throw problem('DATASET_INVALID', 'the file is empty: its first line must name the columns')
  if (errors.length > 0) throw invalid(errors.slice(0, MAX_ERRORS))
  if (rows === 0) throw problem('DATASET_INVALID', 'the file has a header but no rows')
  return { columns, rows }
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

/** The first error is the message. */
export function invalid(errors: readonly FieldError[]): EspalierError {
  return problem('DATASET_INVALID', errors[0]?.detail ?? 'the data cannot be used', errors)
}

interface Line {
  readonly record: string[]
  readonly info: { readonly lines: number }
}

async function* recordsOf(body: Readable): AsyncGenerator<{ record: string[]; line: number }> {
  const parser = parse({ bom: true, info: true, relax_column_count: true, skip_empty_lines: true, trim: true })
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

function drained(parser: ReturnType<typeof parse>): Promise<void> {
  return new Promise((resolve) => {
    parser.once('drain', resolve)
    parser.once('close', resolve)
  })
}

function unreadable(error: unknown): unknown {
  if (error instanceof TypeError)
    return problem('DATASET_INVALID', 'the file is not UTF-8 text: save it as CSV in UTF-8')
  if (error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_'))
    return problem('DATASET_INVALID', `the file is not CSV: ${error.message}`)
  return error
}

function checkHeader(header: string[]): string[] {
  if (header.length < 2)
    throw problem('DATASET_INVALID', 'the file needs at least two columns: a feature and the target')
  if (header.length > MAX_COLUMNS)
    throw problem('DATASET_INVALID', `the file has ${header.length} columns; at most ${MAX_COLUMNS} are taken`)
  const empty = header.indexOf('')
  if (empty >= 0) throw problem('DATASET_INVALID', `column ${empty + 1} has no name in the header`)
  const double = header.find((name, index) => header.indexOf(name) !== index)
  if (double !== undefined) throw problem('DATASET_INVALID', `the header names column ${quote(double)} twice`)
  if (header.every((name) => Number.isFinite(Number(name))))
    throw problem('DATASET_INVALID', 'the first line must name the columns, but it holds numbers alone')
  return header
}
