/** Above this many different values a column is not taken as class labels. */
export const MAX_CLASSES = 1000

/** Where a cell is: `row` counts data rows from 1 (the header is none), `line` counts lines of the file from 1. */
export interface Place {
  readonly row: number
  readonly line: number
}

/** One column as it is read: numbers, and beside them the texts as class codes for as long as there are few different ones. */
export interface Column {
  readonly name: string
  /** One entry a row; NaN where the cell is text. */
  numbers(): Float32Array
  /** Code of each row into `texts`; null when there are too many different texts. */
  labels(): { readonly codes: Int32Array; readonly texts: readonly string[] } | null
  /** Cells that are not numbers: the first few, and how many there are. */
  readonly text: { readonly first: readonly (Place & { readonly cell: string })[]; readonly count: number }
  /** Every cell is a whole number, written without a point. */
  isWhole(): boolean
  /** What is wrong with the cell, or null when it was added. */
  add(cell: string, place: Place): string | null
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const WHOLE = /^[+-]?\d+$/
const NOT_FINITE = /^[+-]?(?:nan|inf|infinity)$/i
/** Category Cc of Unicode, without those that may stand in a cell. */
const CONTROL = /(?![\t\n\r])\p{Cc}/u
const MAX_KEPT_TEXTS = 20
const MAX_LABEL_LENGTH = 200

export function makeColumn(name: string): Column {
  let numbers = new Float32Array(256)
  let codes = new Int32Array(256)
  let codeOf: Map<string, number> | null = new Map()
  let size = 0
  let isWhole = true
  const text = { first: [] as (Place & { cell: string })[], count: 0 }

  function addLabel(cell: string): void {
    if (codeOf === null) return
    let code = codeOf.get(cell)
    if (code === undefined) {
      code = codeOf.size
      codeOf.set(cell, code)
    }
    if (codeOf.size > MAX_CLASSES) {
      codeOf = null
      codes = new Int32Array(0)
    } else codes[size] = code
  }

  return {
    name,
    text,
    numbers: () => numbers.subarray(0, size),
    labels: () => (codeOf === null ? null : { codes: codes.subarray(0, size), texts: [...codeOf.keys()] }),
    isWhole: () => isWhole,
    add(cell, place) {
      const wrong = refuse(cell)
      if (wrong !== null) return wrong
      if (size === numbers.length) {
        numbers = grown(numbers, new Float32Array(size * 2))
        if (codeOf !== null) codes = grown(codes, new Int32Array(size * 2))
      }
      isWhole &&= WHOLE.test(cell)
      if (NUMBER.test(cell)) numbers[size] = Number(cell)
      else {
        numbers[size] = Number.NaN
        text.count += 1
        if (text.first.length < MAX_KEPT_TEXTS) text.first.push({ ...place, cell })
      }
      addLabel(cell)
      size += 1
      return null
    },
  }
}

/** Cells that no column may have. */
function refuse(cell: string): string | null {
  if (cell === '') return 'is empty'
  if (NOT_FINITE.test(cell)) return `${quote(cell)} is not a finite number`
  if (NUMBER.test(cell))
    return Number.isFinite(Math.fround(Number(cell))) ? null : `${quote(cell)} is too large for a 32-bit float`
  if (cell.length > MAX_LABEL_LENGTH) return `is longer than ${MAX_LABEL_LENGTH} characters`
  return CONTROL.test(cell) ? 'has a control character' : null
}

/** Short enough for a message. */
export function quote(cell: string): string {
  return JSON.stringify(cell.length > 40 ? `${cell.slice(0, 40)}…` : cell)
}

/** `into` with what `from` has at its beginning. */
export function grown<T extends Float32Array | Int32Array>(from: T, into: T): T {
  into.set(from)
  return into
}

/** The numbers of several columns row by row: [rows, columns], flat. */
export function interleaved(columns: readonly Column[], rows: number): Float32Array {
  const width = columns.length
  const values = new Float32Array(rows * width)
  for (const [index, column] of columns.entries()) {
    const numbers = column.numbers()
    for (let row = 0; row < rows; row++) values[row * width + index] = numbers[row] ?? 0
  }
  return values
}
