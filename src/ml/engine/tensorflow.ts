import { createRequire } from 'node:module'
import os from 'node:os'
import util from 'node:util'
import type * as tfjs from '@tensorflow/tfjs-core'
import { EspalierError } from '../../errors.js'
import { installKernels } from './kernels.js'

/** Set before loading: TensorFlow reads it once. 3 = errors only. */
process.env.TF_CPP_MIN_LOG_LEVEL ??= '3'
/** TensorFlow leaves oneDNN off on some processors: then dilated convolutions fail, and equal jobs give other bits than elsewhere. */
process.env.TF_ENABLE_ONEDNN_OPTS ??= '1'

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

/** What TensorFlow read from the environment when it was loaded; other values give other bits. */
export const environment = {
  intraOpThreads: Number(process.env.TF_NUM_INTRAOP_THREADS) || os.availableParallelism(),
  oneDnn: !['0', 'false'].includes(process.env.TF_ENABLE_ONEDNN_OPTS.toLowerCase()),
} as const
