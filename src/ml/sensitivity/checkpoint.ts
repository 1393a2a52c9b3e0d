import type { EnginePins } from '../../contracts/engine-pins.js'
import { encodeSafetensors } from '../../formats/safetensors.js'
import { invalidCheckpoint, readCheckpointFile } from '../checkpoint-file.js'
import type { TrainingFailure } from '../training-failure.js'
import type { Measurement } from './measurements.js'

const KIND = { format: 'espalier-scan', version: '1', what: 'the checkpoint of the scan' }

/** What a scan has measured so far; the weights are those it began with. */
export interface ScanCheckpoint {
  readonly pins: EnginePins
  /** Of the network that is scanned. */
  readonly weightsSha256: string
  readonly done: readonly Measurement[]
}

export function encodeScan({ pins, weightsSha256, done }: ScanCheckpoint): Uint8Array {
  const [stored, measured] = [JSON.stringify(pins), JSON.stringify(done)]
  return encodeSafetensors(
    {},
    { format: KIND.format, version: KIND.version, weightsSha256, pins: stored, done: measured },
  )
}

/**
 * @param expected `step`: measurements that it has to hold.
 * @throws TrainingFailure CHECKPOINT_INVALID
 */
export function decodeScan(bytes: Uint8Array, expected: { step: number; weightsSha256: string }): ScanCheckpoint {
  const { metadata } = readCheckpointFile(bytes, KIND)
  const { weightsSha256 = '' } = metadata
  if (weightsSha256 !== expected.weightsSha256) throw invalid('it is of a network with other weights')
  try {
    // Written by encodeScan of the same version.
    const pins = JSON.parse(metadata.pins ?? '') as EnginePins
    const done = JSON.parse(metadata.done ?? '') as Measurement[]
    if (done.length !== expected.step) throw new Error(`it holds ${done.length} measurements, not ${expected.step}`)
    return { pins, weightsSha256, done }
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error))
  }
}

function invalid(reason: string): TrainingFailure {
  return invalidCheckpoint(KIND, reason)
}
