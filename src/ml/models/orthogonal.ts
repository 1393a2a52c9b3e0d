import type { Random } from '../../random.js'

/**
 * The Q of a QR decomposition of normal numbers whose R has a positive diagonal, times `gain`: a uniformly drawn matrix with orthonormal
 * rows or columns, whichever are fewer. All axes of `shape` but the last count as rows. Computed in float64.
 * @see Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear networks", 2014.
 */
export function orthogonalValues(shape: readonly number[], gain: number, random: Random): Float32Array {
  const columns = shape.at(-1) ?? 1
  const rows = shape.slice(0, -1).reduce((product, extent) => product * extent, 1)
  const count = Math.min(rows, columns)
  const length = Math.max(rows, columns)
  const vectors = Array.from({ length: count }, () => new Float64Array(length))
  for (let at = 0; at < length; at++) for (const vector of vectors) vector[at] = random.normal()
  orthonormalize(vectors)
  const values = new Float32Array(rows * columns)
  // Columns of a tall matrix, rows of a wide one.
  const [stepOfVector, stepOfElement] = rows >= columns ? [1, columns] : [columns, 1]
  vectors.forEach((vector, index) => {
    for (let at = 0; at < length; at++) values[index * stepOfVector + at * stepOfElement] = gain * (vector[at] ?? 0)
  })
  return values
}

/** Modified Gram-Schmidt, in place. A vector that loses most of its length is cleaned once more, which is enough (Kahan, Parlett). */
function orthonormalize(vectors: readonly Float64Array[]): void {
  vectors.forEach((vector, index) => {
    const before = Math.sqrt(dot(vector, vector))
    const clean = () => {
      for (let earlier = 0; earlier < index; earlier++) removeAlong(vector, vectors[earlier] ?? vector)
      return Math.sqrt(dot(vector, vector))
    }
    let norm = clean()
    if (norm < 0.5 * before) norm = clean()
    for (let at = 0; at < vector.length; at++) vector[at] = (vector[at] ?? 0) / norm
  })
}

function removeAlong(vector: Float64Array, unit: Float64Array): void {
  const share = dot(vector, unit)
  for (let at = 0; at < vector.length; at++) vector[at] = (vector[at] ?? 0) - share * (unit[at] ?? 0)
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0
  for (let at = 0; at < one.length; at++) sum += (one[at] ?? 0) * (other[at] ?? 0)
  return sum
}
