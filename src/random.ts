/** A stream of numbers that depends on nothing but its seed and name. */
export interface Random {
  /** In [0, 1), 53 random bits. */
  uniform(): number
  /** Mean 0, deviation 1. */
  normal(): number
  /** 0 … size − 1 in random order. */
  permutation(size: number): Int32Array
}

/** Streams of one seed and different names are independent: adding one draws nothing from the others. */
export function makeRandom(seed: number, name: string): Random {
  const next = xoshiro128(expandSeed(seed, name))
  const uniform = () => (next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    permutation(size) {
      const order = Int32Array.from({ length: size }, (_, index) => index)
      for (let last = size - 1; last > 0; last--) {
        const chosen = Math.floor(uniform() * (last + 1))
        const swapped = order[chosen] ?? 0
        order[chosen] = order[last] ?? 0
        order[last] = swapped
      }
      return order
    },
  }
}

/**
 * xoshiro128**: 32-bit unsigned numbers, period 2¹²⁸ − 1. `state` must not be all zero.
 * @see Blackman, Vigna, "Scrambled linear pseudorandom number generators", 2021.
 */
export function xoshiro128(state: readonly [number, number, number, number]): () => number {
  let [a, b, c, d] = state
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotate(d, 11)
    return result
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

/** FNV-1a of the name, then SplitMix32 over seed and hash: neighbouring seeds give unrelated states. */
function expandSeed(seed: number, name: string): [number, number, number, number] {
  let hash = 0x811c9dc5
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193)
  let state = mix(seed) ^ hash
  const draw = () => {
    state = (state + 0x9e3779b9) | 0
    return mix(state)
  }
  // The increment differs from draw to draw, so four zeros cannot come out.
  return [draw(), draw(), draw(), draw()]
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return mixed ^ (mixed >>> 15)
}
