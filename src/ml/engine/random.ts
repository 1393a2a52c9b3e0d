import type { Tensor } from '@tensorflow/tfjs-core'
import { FLOAT32, INT32 } from './binding.js'
import { operation, type } from './raw-operation.js'
import { tf } from './tensorflow.js'

/** What numbers are drawn by; equal sources draw equal numbers, eager, compiled and under XLA. */
export interface DrawSource {
  /** Integer of the job. */
  readonly seed: number
  /** Who draws: a layer, for instance. */
  readonly name: string
  /** int32 scalar, from 0. */
  readonly step: Tensor
}

/** U[0, 1) of a shape. @see Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011 (Philox). */
export function drawUniform(shape: readonly number[], source: DrawSource): Tensor {
  return draw('StatelessRandomUniform', shape, source)
}

/** N(0, 1) of a shape. */
export function drawNormal(shape: readonly number[], source: DrawSource): Tensor {
  return draw('StatelessRandomNormal', shape, source)
}

function draw(op: string, shape: readonly number[], { seed, name, step }: DrawSource): Tensor {
  return tf.tidy(() => {
    // Names are spread over the seeds, so that layers draw apart; the sum stays within int32.
    const first = tf.scalar((seed + fnv1a(name)) % 2 ** 31, 'int32')
    const key = tf.stack([first, step])
    const attributes = [type('dtype', FLOAT32), type('T', INT32), type('Tseed', INT32)]
    return operation(op, attributes, [tf.tensor1d([...shape], 'int32'), key])
  })
}

/** 32-bit FNV-1a of the UTF-16 units of a text. */
function fnv1a(name: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193)
  return hash >>> 0
}
