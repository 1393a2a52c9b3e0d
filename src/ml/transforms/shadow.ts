import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core'
import { tf } from '../engine/tensorflow.js'
import type { Tensors } from '../engine/types.js'
import { tensorAt } from '../optimizers/optimizer.js'
import type { GradientTransformation } from './transformation.js'

const PREFIX = 'clipping/'

/** A mode to compare with, and its threshold, which is the same at every step. */
export interface Shadow {
  readonly mode: GradientTransformation
  readonly threshold: number
}

/**
 * `applied`, and beside it what the shadows would have made of the same gradients. The state of shadow i has the names of its mode
 * under `clipping/shadow-<i>/`. `info` of `applied` gets `shadow` [shadows, 3]: norm of all gradients after clipping, smallest factor
 * (`clipScale`), and 1 if it would have changed anything. What the shadows make of the gradients themselves is never computed by a
 * compiled step.
 */
export function withShadows(applied: GradientTransformation, shadows: readonly Shadow[]): GradientTransformation {
  if (shadows.length === 0) return applied
  const modes = shadows.map(({ mode, threshold }, index) => ({
    mode: inside(mode, `${PREFIX}shadow-${index}/`),
    threshold,
  }))
  const parts = [applied, ...modes.map(({ mode }) => mode)]
  return {
    name: applied.name,
    stateShapes: (params) => Object.assign({}, ...parts.map((part) => part.stateShapes(params))),
    init: (params) => Object.assign({}, ...parts.map((part) => part.init(params))),
    update(grads, state, context) {
      const result = applied.update(grads, state, context)
      const others = modes.map(({ mode, threshold }) =>
        mode.update(grads, state, { ...context, threshold: tf.scalar(threshold) }),
      )
      const rows = others.map(({ info }) => tf.stack(FIGURES.map((name) => tensorAt(info, name))))
      return {
        grads: result.grads,
        state: Object.assign({}, result.state, ...others.map((other) => other.state)),
        info: { ...result.info, shadow: tf.stack(rows) as Tensor2D }, // stacks vectors
      }
    },
  }
}

const FIGURES = ['gradientNormAfter', 'clipScale', 'clipped'] as const

/** The same transformation with its state under another prefix. */
function inside(mode: GradientTransformation, prefix: string): GradientTransformation {
  const outer = (name: string) => prefix + name.slice(PREFIX.length)
  return {
    name: mode.name,
    stateShapes: (params) => renamed(mode.stateShapes(params), outer),
    init: (params) => renamed(mode.init(params), outer),
    update(grads, state, context) {
      const names = Object.keys(mode.stateShapes(grads))
      const own: Tensors = Object.fromEntries(names.map((name) => [name, tensorAt(state, outer(name))]))
      const result = mode.update(grads, own, context)
      return { ...result, state: renamed<Tensor>(result.state, outer) }
    },
  }
}

function renamed<T>(record: Readonly<Record<string, T>>, rename: (name: string) => string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [rename(name), value]))
}
