import { broken, type Encoding, nonZerosOf, partOf } from './encoding.js'

/** One bit an element, lowest first: 1 where the element (row-major) is not 0; and those elements. Best in the middle. */
export const bitmap: Encoding = {
  indexes: ['bitmap'],
  plan(tensor) {
    const { bits, nonZeros } = tensor
    const length = Math.ceil(bits.length / 8)
    return {
      bytes: length + nonZeros * bits.BYTES_PER_ELEMENT,
      fields: {},
      write() {
        const marks = new Uint8Array(length)
        for (let i = 0; i < bits.length; i++) if (bits[i] !== 0) marks[i >> 3] = (marks[i >> 3] ?? 0) | (1 << (i & 7))
        return { values: nonZerosOf(tensor), bitmap: marks }
      },
    }
  },
  read(found, bits) {
    const marks = partOf(found, 'bitmap', Math.ceil(bits.length / 8), ['U8'])
    const { values } = found
    let next = 0
    for (let i = 0; i < marks.length * 8; i++) {
      if ((((marks[Math.floor(i / 8)] ?? 0) >> (i & 7)) & 1) === 0) continue
      const value = values[next++]
      if (i >= bits.length || value === undefined)
        throw broken(found, 'the bitmap marks more than the shape or the values have')
      bits[i] = value
    }
    if (next !== values.length) throw broken(found, 'there are more values than the bitmap marks')
  },
}
