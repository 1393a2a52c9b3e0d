import { broken, type Encoding, nonZerosOf, partOf, sizeOf } from './encoding.js'

const UNSIGNED = ['U8', 'U16', 'U32'] as const

/**
 * Compressed rows of the tensor as a matrix [all axes but the last, last axis]: row i has the values from `row-pointers[i]` up to
 * `row-pointers[i + 1]`, in the columns given for them, ascending. Indexes are of the narrowest unsigned type that holds the largest. Best
 * where few are left. scipy.sparse.csr_matrix((values, columns, row_pointers), shape) takes the parts as they are.
 */
export const csr: Encoding = {
  indexes: ['columns', 'row-pointers'],
  plan(tensor) {
    const { bits, nonZeros, shape } = tensor
    const columns = columnsOf(shape)
    const rows = sizeOf(shape.slice(0, -1))
    if (Math.max(columns, nonZeros) > 2 ** 32) return null
    const bytes = nonZeros * (bits.BYTES_PER_ELEMENT + widthFor(columns - 1)) + (rows + 1) * widthFor(nonZeros)
    return {
      ...{ bytes, fields: {} },
      write() {
        const pointers = unsigned(rows + 1, nonZeros)
        const places = unsigned(nonZeros, columns - 1)
        let next = 0
        for (let row = 0; row < rows; row++) {
          for (let column = 0; column < columns; column++)
            if (bits[row * columns + column] !== 0) places[next++] = column
          pointers[row + 1] = next
        }
        return { values: nonZerosOf(tensor), columns: places, 'row-pointers': pointers }
      },
    }
  },
  read(found, bits) {
    const { shape, values } = found
    const width = columnsOf(shape)
    const rows = sizeOf(shape.slice(0, -1))
    const pointers = partOf(found, 'row-pointers', rows + 1, UNSIGNED)
    const columns = partOf(found, 'columns', values.length, UNSIGNED)
    if (pointers[0] !== 0 || pointers[rows] !== values.length)
      throw broken(found, `the row pointers do not lead from 0 to ${values.length}`)
    for (let row = 0; row < rows; row++) {
      const [begin = 0, end = 0] = [pointers[row], pointers[row + 1]]
      if (end < begin || end > values.length) throw broken(found, `the pointer after row ${row} goes back, or too far`)
      for (let i = begin, before = -1; i < end; i++) {
        const column = columns[i] ?? 0
        if (column <= before || column >= width)
          throw broken(found, `row ${row} has column ${column} after ${before}, of ${width}`)
        bits[row * width + column] = values[i] ?? 0
        before = column
      }
    }
  },
}

function columnsOf(shape: readonly number[]): number {
  return shape.at(-1) ?? 1
}

/** Bytes of the narrowest unsigned type that holds `largest`. */
function widthFor(largest: number): 1 | 2 | 4 {
  return largest < 2 ** 8 ? 1 : largest < 2 ** 16 ? 2 : 4
}

function unsigned(length: number, largest: number): Uint8Array | Uint16Array | Uint32Array {
  const width = widthFor(largest)
  return width === 1 ? new Uint8Array(length) : width === 2 ? new Uint16Array(length) : new Uint32Array(length)
}
