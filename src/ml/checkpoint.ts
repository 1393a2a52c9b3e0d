import type { EnginePins } from '../contracts/engine-pins.js'
import { encodeSafetensors, type StoredTensors } from '../formats/safetensors.js'
import { invalidCheckpoint, readCheckpointFile } from './checkpoint-file.js'
import type { Shaped } from './optimizers/optimizer.js'
import type { Rebuilt } from './rebuild.js'
import type { Running } from './running.js'
import type { TrainingFailure } from './training-failure.js'

const KIND = { format: 'espalier-checkpoint', version: '4', what: 'the checkpoint' }

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
  /** States before this one to roll back to, the newest last. */
  readonly good: readonly GoodState[]
  /** The network that the state is of, where that was made smaller on the way. */
  readonly rebuilt: Rebuilt | null
}

/** A state that was finite, kept for a rollback. */
export interface GoodState {
  /** Updates done. */
  readonly step: number
  readonly state: StoredTensors
  /** A rollback went to it already: if that was of no help, the next one goes further back. */
  readonly wasRestored: boolean
}

/** No name of a layer begins like these. */
const BEST = '@best/'
const goodPrefix = (place: number) => `@good-${place}/`
const MASKED = '@masked/'
const COMPACTED = '@compacted/'

export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const { step, pins, running, validationDue, state, best, good, rebuilt } = checkpoint
  const { masked = null, compacted = null, ...network } = rebuilt ?? {}
  return encodeSafetensors(
    Object.assign(
      { ...state, ...prefixed(BEST, best), ...prefixed(MASKED, masked), ...prefixed(COMPACTED, compacted) },
      ...good.map((one, place) => prefixed(goodPrefix(place), one.state)),
    ),
    {
      format: KIND.format,
      version: KIND.version,
      step: String(step),
      pins: JSON.stringify(pins),
      running: JSON.stringify(running),
      validationDue: String(validationDue),
      good: JSON.stringify(good.map(({ step, wasRestored }) => ({ step, wasRestored }))),
      ...(rebuilt ? { rebuilt: JSON.stringify(network) } : {}),
    },
  )
}

/**
 * @param expectedOf What a run of the job keeps, by the network that it goes on with: names and shapes have to be the same, all float32.
 * @throws CHECKPOINT_INVALID
 */
export function decodeCheckpoint(bytes: Uint8Array, expectedOf: (rebuilt: Rebuilt | null) => Shaped): Checkpoint {
  const { tensors: all, metadata } = readCheckpointFile(bytes, KIND)
  const tensors = Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith('@')))
  const rebuilt = readRebuilt(metadata.rebuilt, part(all, MASKED), part(all, COMPACTED))
  const expected = expectedOf(rebuilt)
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
    const kept = JSON.parse(metadata.good ?? '') as Omit<GoodState, 'state'>[]
    const good = kept.map((one, place) => ({ ...one, state: part(all, goodPrefix(place)) ?? {} }))
    const validationDue = metadata.validationDue === 'true'
    return { step, pins, running, validationDue, state: tensors, best: part(all, BEST), good, rebuilt }
  } catch (error) {
    throw invalid(`its metadata is no JSON: ${String(error)}`)
  }
}

function prefixed(prefix: string, tensors: StoredTensors | null): StoredTensors {
  return Object.fromEntries(Object.entries(tensors ?? {}).map(([name, tensor]) => [`${prefix}${name}`, tensor]))
}

/** Undoes `prefixed`; null if there is nothing. */
function part(all: StoredTensors, prefix: string): StoredTensors | null {
  const found = Object.entries(all).filter(([name]) => name.startsWith(prefix))
  if (found.length === 0) return null
  return Object.fromEntries(found.map(([name, tensor]) => [name.slice(prefix.length), tensor]))
}

/** Written by encodeCheckpoint of the same version. */
function readRebuilt(
  text: string | undefined,
  masked: StoredTensors | null,
  compacted: StoredTensors | null,
): Rebuilt | null {
  if (text === undefined) return null
  if (!masked || !compacted) throw invalid('the weights of the network before or after it was made smaller are missing')
  try {
    return { ...(JSON.parse(text) as Omit<Rebuilt, 'masked' | 'compacted'>), masked, compacted }
  } catch (error) {
    throw invalid(`its metadata is no JSON: ${String(error)}`)
  }
}

function invalid(reason: string): TrainingFailure {
  return invalidCheckpoint(KIND, reason)
}
