import type { EnginePins } from '../contracts/training-job.js'
import { decodeSafetensors, encodeSafetensors, type StoredTensors } from '../formats/safetensors.js'
import type { Shaped } from './optimizers/optimizer.js'
import type { Running } from './running.js'
import { TrainingFailure } from './training-failure.js'

const FORMAT = 'espalier-checkpoint'
const VERSION = '2'

/** All that a run needs to go on as if nothing had happened; data and batches follow from spec, seed and step. */
export interface Checkpoint {
  /** Updates done. */
  readonly step: number
  readonly pins: EnginePins
  readonly running: Running
  /** The epoch before `step` was trained but not validated: a run that goes on does that first. */
  readonly validationDue: boolean
  /** Weights, optimizer slots, averages, clip state, masks. */
  readonly state: StoredTensors
  /** Weights of the best evaluation so far; null if none are kept. */
  readonly best: StoredTensors | null
  /** The state to roll back to, unless it is this one. */
  readonly lastGood: StoredTensors | null
}

/** No name of a layer begins like these. */
const BEST = '@best/'
const LAST_GOOD = '@last-good/'

export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const { step, pins, running, validationDue, state, best, lastGood } = checkpoint
  return encodeSafetensors(
    { ...state, ...prefixed(BEST, best), ...prefixed(LAST_GOOD, lastGood) },
    {
      format: FORMAT,
      version: VERSION,
      step: String(step),
      pins: JSON.stringify(pins),
      running: JSON.stringify(running),
      validationDue: String(validationDue),
    },
  )
}

/**
 * @param expected What a run of the job keeps: names and shapes have to be the same, all float32.
 * @throws CHECKPOINT_INVALID
 */
export function decodeCheckpoint(bytes: Uint8Array, expected: Shaped): Checkpoint {
  const { tensors: all, metadata } = readContainer(bytes)
  const { tensors, best, lastGood } = parted(all)
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
    return { step, pins, running, validationDue: metadata.validationDue === 'true', state: tensors, best, lastGood }
  } catch (error) {
    throw invalid(`its metadata is no JSON: ${String(error)}`)
  }
}

function prefixed(prefix: string, tensors: StoredTensors | null): StoredTensors {
  return Object.fromEntries(Object.entries(tensors ?? {}).map(([name, tensor]) => [`${prefix}${name}`, tensor]))
}

/** Undoes `prefixed`. */
function parted(all: StoredTensors): Pick<Checkpoint, 'best' | 'lastGood'> & { tensors: StoredTensors } {
  const entries = Object.entries(all)
  const of = (prefix: string) => {
    const found = entries.filter(([name]) => name.startsWith(prefix))
    if (found.length === 0) return null
    return Object.fromEntries(found.map(([name, tensor]) => [name.slice(prefix.length), tensor]))
  }
  const tensors = Object.fromEntries(entries.filter(([name]) => !name.startsWith('@')))
  return { tensors, best: of(BEST), lastGood: of(LAST_GOOD) }
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
