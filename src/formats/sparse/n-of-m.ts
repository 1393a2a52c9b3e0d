import { type Bits, type BitTensor, broken, type Encoding, emptyLike, type Found, partOf, sizeOf } from './encoding.js'

/** Group sizes that are tried. */
const GROUP_SIZES = [2, 4, 8, 16, 32] as const

interface Groups {
  /** Along which groups lie, from 0. */
  readonly axis: number
  /** Places in a group for elements that are not 0, and elements of a group. */
  readonly n: number
  readonly m: number
}

/**
 * n elements of every m consecutive ones along an axis, and where in the group each was: log2(m) bits a position, packed lowest bit first, ascending in
 * a group. Groups come row-major, the axis last. A group with fewer elements that are not 0 keeps some that are. Best for masks with a fixed number a
 * group, such as 1 of 4.
 */
export const nOfM: Encoding = {
  indexes: ['positions'],
  plan(tensor, limit) {
    let [least, best] = [limit, null as Groups | null]
    for (const axis of tensor.shape.keys())
      for (const m of GROUP_SIZES) {
        const groups = groupsBelow(tensor, axis, m, least)
        if (groups) [least, best] = [bytesOf(tensor, groups), groups]
      }
    const found = best
    return found && { bytes: least, fields: { ...found }, write: () => pack(tensor, found) }
  },
  read(found, bits) {
    const groups = groupsFrom(found)
    const { n, m } = groups
    const { values, shape } = found
    const width = Math.log2(m)
    const count = (bits.length / m) * n
    const positions = partOf(found, 'positions', Math.ceil((count * width) / 8), ['U8'])
    if (values.length !== count) throw broken(found, `${values.length} values where ${n} of ${m} are ${count}`)
    let slot = 0
    for (const group of places({ shape, ...groups })) {
      for (let i = 0, before = -1; i < n; i++, slot++) {
        const position = readBits(positions, slot * width, width)
        if (position <= before) throw broken(found, `value ${slot} has position ${position} after ${before}`)
        bits[group.begin + position * group.step] = values[slot] ?? 0
        before = position
      }
    }
    for (let bit = count * width; bit < positions.length * 8; bit++)
      if (readBits(positions, bit, 1) !== 0) throw broken(found, 'there are more positions than values')
  },
}

/** With the fewest places that are enough; null where groups do not fit, are full, or take no fewer than `limit` bytes. */
function groupsBelow(tensor: BitTensor, axis: number, m: number, limit: number): Groups | null {
  const { shape, bits, nonZeros } = tensor
  if (bits.length === 0 || (shape[axis] ?? 1) % m !== 0) return null
  let n = Math.max(1, Math.ceil((nonZeros * m) / bits.length))
  if (n >= m || bytesOf(tensor, { axis, n, m }) >= limit) return null
  for (const { begin, step } of places({ shape, axis, m })) {
    let count = 0
    for (let i = 0; i < m; i++) if (bits[begin + i * step] !== 0) count++
    if (count <= n) continue
    n = count
    if (n >= m || bytesOf(tensor, { axis, n, m }) >= limit) return null
  }
  return { axis, n, m }
}

function bytesOf({ bits }: BitTensor, { n, m }: Groups): number {
  const count = (bits.length / m) * n
  return count * bits.BYTES_PER_ELEMENT + Math.ceil((count * Math.log2(m)) / 8)
}

function pack({ shape, bits }: BitTensor, groups: Groups): { values: Bits; positions: Uint8Array } {
  const { n, m } = groups
  const width = Math.log2(m)
  const count = (bits.length / m) * n
  const values = emptyLike(bits, count)
  const positions = new Uint8Array(Math.ceil((count * width) / 8))
  let slot = 0
  for (const { begin, step } of places({ shape, ...groups })) {
    let zeros = n
    for (let i = 0; i < m; i++) if (bits[begin + i * step] !== 0) zeros--
    for (let i = 0; i < m; i++) {
      const value = bits[begin + i * step] ?? 0
      if (value === 0 && zeros-- <= 0) continue
      values[slot] = value
      writeBits(positions, slot * width, i)
      slot++
    }
  }
  return { values, positions }
}

/** Index of the first element of each group, and from one to the next. */
function* places({ shape, axis, m }: Omit<Groups, 'n'> & { readonly shape: readonly number[] }) {
  const extent = shape[axis] ?? 1
  const step = sizeOf(shape.slice(axis + 1))
  const outer = sizeOf(shape.slice(0, axis))
  for (let before = 0; before < outer; before++)
    for (let after = 0; after < step; after++)
      for (let first = 0; first < extent; first += m) yield { begin: (before * extent + first) * step + after, step }
}

function groupsFrom(found: Found): Groups {
  const { axis, n, m } = found.fields
  const extent = typeof axis === 'number' ? found.shape[axis] : undefined
  if (typeof axis !== 'number' || typeof n !== 'number' || typeof m !== 'number' || extent === undefined)
    throw broken(found, 'n-of-m needs axis, n and m, and an axis of the shape')
  const isSize = GROUP_SIZES.some((size) => size === m)
  if (!isSize || extent === 0 || extent % m !== 0 || !Number.isInteger(n) || n < 1 || n >= m)
    throw broken(found, `${n} of ${m} does not fit ${extent} elements along axis ${axis}`)
  return { axis, n, m }
}

function readBits(bytes: ArrayLike<number>, at: number, width: number): number {
  let value = 0
  for (let bit = 0; bit < width; bit++)
    value |= (((bytes[Math.floor((at + bit) / 8)] ?? 0) >> ((at + bit) & 7)) & 1) << bit
  return value
}

function writeBits(bytes: Uint8Array, at: number, value: number): void {
  for (let bit = 0; value >> bit > 0; bit++) {
    const byte = Math.floor((at + bit) / 8)
    bytes[byte] = (bytes[byte] ?? 0) | (((value >> bit) & 1) << ((at + bit) & 7))
  }
}
