import type { EnginePins } from '../contracts/training-job.js'
import { decodeSafetensors, encodeSafetensors, type StoredTensors } from '../formats/safetensors.js'
import type { Shaped } from './optimizers/optimizer.js'
import type { Running } from './running.js'
import { TrainingFailure } from './training-failure.js'

const FORMAT = 'espalier-checkpoint'
const VERSION = '1'

/** All that a run needs to go on as if nothing had happened; data and batches follow from spec, seed and step. */
export interface Checkpoint {
  /** Updates done. */
  readonly step: number
  readonly pins: EnginePins
  readonly running: Running
  /** The epoch before `step` was trained but not validated: a run that goes on does that first. */
  readonly validationDue: boolean
  /** Weights, optimizer slots, masks. */
  readonly state: StoredTensors
}

export function encodeCheckpoint({ step, pins, running, validationDue, state }: Checkpoint): Uint8Array {
  return encodeSafetensors(state, {
    format: FORMAT,
    version: VERSION,
    step: String(step),
    pins: JSON.stringify(pins),
    running: JSON.stringify(running),
    validationDue: String(validationDue),
  })
}

/**
 * @param expected What a run of the job keeps: names and shapes have to be the same, all float32.
 * @throws CHECKPOINT_INVALID
 */
export function decodeCheckpoint(bytes: Uint8Array, expected: Shaped): Checkpoint {
  const { tensors, metadata } = readContainer(bytes)
  if (metadata.format !== FORMAT || metadata.version !== VERSION)
    throw invalid(`format '${metadata.format}' version '${metadata.version}' is not ${FORMAT} ${VERSION}`)
  const names = Object.keys(expected)
  const missing = names.filter((name) => !(name in tensors))
  const unknown = Object.keys(tensors).filter((name) => !(name in expected))
  if (missing.length + unknown.length > 0)
    throw invalid(`tensors missing: ${missing.join(', ') || 'none'}; not of this job: ${unknown.join(', ') || 'none'}`)
  for (const name of names) {
    const [stored, wanted] = [tensors[name], expected[name]]
    if (stored?.type !== 'float32' || stored.shape.join() !== wanted?.shape.join())
      throw invalid(`tensor '${name}' is ${stored?.type} [${stored?.shape}], expected float32 [${wanted?.shape}]`)
  }
  const step = Number(metadata.step)
  if (!Number.isSafeInteger(step) || step < 0) throw invalid(`its step is '${metadata.step}'`)
  try {
    // Written by encodeCheckpoint of the same version.
    const pins = JSON.parse(metadata.pins ?? '') as EnginePins
    const running = JSON.parse(metadata.running ?? '') as Running
    return { step, pins, running, validationDue: metadata.validationDue === 'true', state: tensors }
  } catch (error) {
    throw invalid(`its metadata is no JSON: ${String(error)}`)
  }
}

function readContainer(bytes: Uint8Array): ReturnType<typeof decodeSafetensors> {
  try {
    return decodeSafetensors(bytes)
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error))
  }
}

function invalid(reason: string): TrainingFailure {
  return new TrainingFailure('CHECKPOINT_INVALID', `the checkpoint cannot be used: ${reason}`, null)
}
