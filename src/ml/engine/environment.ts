import os from 'node:os'

// TensorFlow reads these once, when it is loaded.

/** 3 = errors only. */
process.env.TF_CPP_MIN_LOG_LEVEL ??= '3'
/** TensorFlow leaves oneDNN off on some processors: then dilated convolutions fail, and equal jobs give other bits than elsewhere. */
process.env.TF_ENABLE_ONEDNN_OPTS ??= '1'

/** Threads of one operation, before TensorFlow is loaded. A variable that the user has set stands. */
export function preferIntraOpThreads(threads: number): void {
  process.env.TF_NUM_INTRAOP_THREADS ??= String(threads)
}

/** What TensorFlow reads, or has read, from the environment; other values give other bits. */
export function environment(): { readonly intraOpThreads: number; readonly oneDnn: boolean } {
  const { TF_NUM_INTRAOP_THREADS, TF_ENABLE_ONEDNN_OPTS = '1' } = process.env
  return {
    intraOpThreads: Number(TF_NUM_INTRAOP_THREADS) || os.availableParallelism(),
    oneDnn: !['0', 'false'].includes(TF_ENABLE_ONEDNN_OPTS.toLowerCase()),
  }
}
