/**
 * Uniform numbers in [0, 1) of 53 random bits that depend on nothing but seed and name: xoshiro128**, seeded by SplitMix32 over the seed
 * and the FNV-1a hash of the name. The same numbers as `uniform` of `ml/random`, which this part may not import.
 * @see Blackman, Vigna, "Scrambled linear pseudorandom number generators", 2021.
 */
export function makeUniform(seed: number, name: string): () => number {
  let [a, b, c, d] = expandSeed(seed, name)
  const next = () => {
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
  return () => (next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function expandSeed(seed: number, name: string): [number, number, number, number] {
  let hash = 0x811c9dc5
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193)
  let state = mix(seed) ^ hash
  const draw = () => {
    state = (state + 0x9e3779b9) | 0
    return mix(state)
  }
  return [draw(), draw(), draw(), draw()]
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return mixed ^ (mixed >>> 15)
}
