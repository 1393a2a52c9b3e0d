import type { DatasetSchema } from '../contracts/dataset.js'
import type { StoredTensors } from '../formats/safetensors.js'

/** A dataset in memory, checked and ready to be stored. Tensors: `<split>.features` [rows, …exampleShape], `<split>.labels`, `train.weights`. */
export interface DatasetDraft {
  readonly name: string
  /** `builtin:<name>`, with its options where it is generated, or `upload:<file name>`. */
  readonly source: string
  readonly schema: DatasetSchema
  readonly tensors: StoredTensors
}
