const HALF = 1 << 16

/**
 * A mask (1 = keep) that removes exactly `removed` elements, those with the lowest scores; among equal scores the lower index is
 * kept. What `previous` removed stays removed, so the count is at least that of `previous`.
 * Linear in the number of elements: the score of the last removed element is found by counting, not by sorting.
 * @throws RangeError if a score is NaN, `removed` is not in [0, n], or `previous` has another length.
 */
export function selectMask(scores: Float32Array, removed: number, previous?: Uint8Array): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(removed) || removed < 0 || removed > scores.length) {
    throw new RangeError(`cannot remove ${removed} of ${scores.length} elements`)
  }
  if (previous !== undefined && previous.length !== scores.length)
    throw new RangeError('previous mask of another length')
  const mask = new Uint8Array(scores.length).fill(1)
  const keys = sortKeys(scores)
  let left = removed
  for (let i = 0; previous !== undefined && i < mask.length; i++) {
    if (previous[i] !== 0) continue
    mask[i] = 0
    left--
  }
  if (left <= 0) return mask

  const { threshold, below } = findThreshold(keys, mask, left)
  let ties = left - below
  for (let i = mask.length - 1; i >= 0; i--) {
    const key = keys[i] ?? 0
    if (mask[i] === 0 || key > threshold) continue
    if (key === threshold && ties-- <= 0) continue
    mask[i] = 0
  }
  return mask
}

/** Unsigned integers in the order of the floats, −0 equal to 0. */
function sortKeys(scores: Float32Array): Uint32Array {
  const keys = new Uint32Array(scores.length)
  const bits = new Uint32Array(scores.buffer, scores.byteOffset, scores.length)
  for (let i = 0; i < keys.length; i++) {
    const score = scores[i] ?? 0
    if (Number.isNaN(score)) throw new RangeError(`score ${i} is NaN`)
    const pattern = score === 0 ? 0 : (bits[i] ?? 0)
    keys[i] = pattern >>> 31 === 1 ? ~pattern : pattern | 0x8000_0000
  }
  return keys
}

/** The key of rank `rank` (from 1) among the kept elements, and how many keys lie below it. Two rounds of 16 bits. */
function findThreshold(keys: Uint32Array, mask: Uint8Array, rank: number): { threshold: number; below: number } {
  const high = new Uint32Array(HALF)
  for (let i = 0; i < keys.length; i++) if (mask[i] === 1) increment(high, (keys[i] ?? 0) >>> 16)
  const upper = bucketOf(high, rank)
  const low = new Uint32Array(HALF)
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] ?? 0
    if (mask[i] === 1 && key >>> 16 === upper.bucket) increment(low, key & 0xffff)
  }
  const lower = bucketOf(low, rank - upper.below)
  return { threshold: upper.bucket * HALF + lower.bucket, below: upper.below + lower.below }
}

function bucketOf(counts: Uint32Array, rank: number): { bucket: number; below: number } {
  let below = 0
  for (let bucket = 0; bucket < counts.length; bucket++) {
    const count = counts[bucket] ?? 0
    if (below + count >= rank) return { bucket, below }
    below += count
  }
  throw new RangeError(`there is no element of rank ${rank}`)
}

function increment(counts: Uint32Array, index: number): void {
  counts[index] = (counts[index] ?? 0) + 1
}
