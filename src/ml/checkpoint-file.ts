import { decodeSafetensors } from '../formats/safetensors.js'
import { TrainingFailure } from './training-failure.js'

/** A kind of checkpoint, as the metadata of its safetensors file name it; `what`: as a message calls it. */
export interface CheckpointKind {
  readonly format: string
  readonly version: string
  readonly what: string
}

/** Tensors and metadata of a checkpoint of this kind. @throws CHECKPOINT_INVALID */
export function readCheckpointFile(bytes: Uint8Array, kind: CheckpointKind): ReturnType<typeof decodeSafetensors> {
  const file = decoded(bytes, kind)
  const { format, version } = file.metadata
  if (format !== kind.format || version !== kind.version)
    throw invalidCheckpoint(kind, `format '${format}' version '${version}' is not ${kind.format} ${kind.version}`)
  return file
}

export function invalidCheckpoint({ what }: Pick<CheckpointKind, 'what'>, reason: string): TrainingFailure {
  return new TrainingFailure('CHECKPOINT_INVALID', `${what} cannot be used: ${reason}`, null)
}

function decoded(bytes: Uint8Array, kind: CheckpointKind): ReturnType<typeof decodeSafetensors> {
  try {
    return decodeSafetensors(bytes)
  } catch (error) {
    throw invalidCheckpoint(kind, error instanceof Error ? error.message : String(error))
  }
}
