import { makeId } from '../contracts/ids.js'
import { encodeSafetensors } from '../formats/safetensors.js'
import type { ObjectInfo, ObjectStore } from '../storage/object-store.js'
import type { DatasetDraft } from './draft.js'

export interface PreparedDataset extends Omit<DatasetDraft, 'tensors'>, ObjectInfo {
  readonly id: string
  readonly key: string
}

/** Writes the tensors as one safetensors object `datasets/<id>.safetensors`. Whoever does not keep the dataset deletes the object. */
export async function storeDataset(
  store: Pick<ObjectStore, 'put'>,
  { tensors, ...draft }: DatasetDraft,
): Promise<PreparedDataset> {
  const id = makeId('ds')
  const key = `datasets/${id}.safetensors`
  const { bytes, sha256 } = await store.put(key, encodeSafetensors(tensors, { source: draft.source }))
  return { ...draft, id, key, bytes, sha256 }
}
