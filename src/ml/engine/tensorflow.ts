import './environment.js'
import { createRequire } from 'node:module'
import util from 'node:util'
import type * as tfjs from '@tensorflow/tfjs-core'
import { EspalierError } from '../../errors.js'
import { installKernels } from './kernels.js'

/** tfjs-node 4.22 calls helpers that Node removed in version 23. */
function restoreRemovedHelpers(): void {
  const target: { isNullOrUndefined?: unknown; isArray?: unknown } = util
  target.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined
  target.isArray ??= Array.isArray
}

function load(): typeof tfjs {
  restoreRemovedHelpers()
  try {
    // The package has no usable types of its own for the node bindings; what Espalier uses of it is tfjs-core.
    const loaded = createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu') as typeof tfjs
    installKernels(loaded)
    return loaded
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)
    throw new EspalierError(
      'ENGINE_MISSING',
      `TensorFlow is not installed (${reason}). Run \`npm run setup\` in the Espalier folder, then try again.`,
      [],
      { cause },
    )
  }
}

/** tfjs on the native TensorFlow library. */
export const tf = load()
