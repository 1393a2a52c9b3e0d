import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { FormatError } from '../formats/format-error.js'
import { NOT_HDF5, type Wanted } from './hdf5-reader.js'

/** Reading the largest model that is allowed takes a few seconds; damaged files exist with which the library never ends. */
const LIMIT_MS = 30_000

/** What the thread is given, and what it answers. */
export interface Request {
  readonly bytes: Uint8Array
  readonly wanted: Wanted
}
export type Answer = { readonly values: Readonly<Record<string, Float32Array>> } | { readonly refused: string }

/**
 * What `wanted` says of an HDF5 file, by the names of the weights. It is read in a thread of its own, which ends after `limitMs` whatever the library does.
 * @throws FormatError naming the group or weight at fault
 */
export async function readHdf5(
  bytes: Uint8Array,
  wanted: Wanted,
  limitMs = LIMIT_MS,
): Promise<Readonly<Record<string, Float32Array>>> {
  const request: Request = { bytes, wanted }
  // What the library prints of damaged files is told by its answer.
  const worker = new Worker(entry(), { workerData: request, execArgv: [], stdout: true, stderr: true })
  worker.stderr.resume()
  worker.stdout.resume()
  let timer: NodeJS.Timeout | undefined
  try {
    const answer = await new Promise<Answer>((resolve) => {
      timer = setTimeout(() => resolve({ refused: tooSlow(limitMs) }), limitMs)
      worker.once('message', resolve)
      worker.once('error', () => resolve({ refused: NOT_HDF5 }))
      worker.once('exit', () => resolve({ refused: NOT_HDF5 }))
    })
    if ('refused' in answer) throw new FormatError(answer.refused)
    return answer.values
  } finally {
    clearTimeout(timer)
    await worker.terminate()
  }
}

function tooSlow(limitMs: number): string {
  return `${NOT_HDF5}: it took longer than ${limitMs / 1000} seconds`
}

/** Threads run the build: beside this file when it is built itself, in `dist` when this file runs from its source, as it does under the tests. */
function entry(): string {
  const folder = import.meta.url.endsWith('.ts') ? '../../dist/src/model-files/' : './'
  return fileURLToPath(new URL(`${folder}hdf5-worker.js`, import.meta.url))
}
