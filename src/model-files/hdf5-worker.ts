import { parentPort, workerData } from 'node:worker_threads'
import { FormatError } from '../formats/format-error.js'
import type { Answer, Request } from './hdf5.js'
import { NOT_HDF5, readVariables } from './hdf5-reader.js'

const { bytes, wanted } = workerData as Request // as hdf5.ts hands it over

parentPort?.postMessage(await answer())

async function answer(): Promise<Answer> {
  try {
    return { values: await readVariables(bytes, wanted) }
  } catch (error) {
    return { refused: error instanceof FormatError ? error.message : NOT_HDF5 }
  }
}
