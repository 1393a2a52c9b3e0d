import { selectMask } from '../selection.js'
import type { Matrix } from './matrix.js'

/**
 * A mask that keeps, of every `of` consecutive inputs of an output, the `keep` with the highest scores; among equal ones those of lower
 * index. What `previous` removed stays removed.
 * @throws RangeError if the inputs do not divide into groups, or `keep` is not in [0, of].
 */
export function selectOfGroups(
  scores: Float32Array,
  matrix: Matrix,
  { keep, of }: { readonly keep: number; readonly of: number },
  previous?: Uint8Array,
): Uint8Array<ArrayBuffer> {
  if (matrix.inputs % of !== 0) throw new RangeError(`${matrix.inputs} inputs are no multiple of ${of}`)
  const mask = new Uint8Array(scores.length)
  const group = new Float32Array(of)
  const before = new Uint8Array(of)
  for (let output = 0; output < matrix.outputs; output++)
    for (let begin = 0; begin < matrix.inputs; begin += of) {
      for (let i = 0; i < of; i++) {
        const element = matrix.at(begin + i, output)
        group[i] = scores[element] ?? 0
        before[i] = previous?.[element] ?? 1
      }
      const kept = selectMask(group, of - keep, before)
      for (let i = 0; i < of; i++) mask[matrix.at(begin + i, output)] = kept[i] ?? 1
    }
  return mask
}
