import type { AttemptRef, Attempts } from '../db/attempts.js'
import { StaleAttemptError } from '../db/attempts.js'
import type { ObjectStore } from '../storage/object-store.js'
import type { Log } from './log.js'
import type { FromTrainer } from './protocol.js'

export type RecordedMessage = Exclude<FromTrainer, { type: 'succeeded' | 'failed' | 'stopped' }>

export interface RecorderContext {
  readonly attempts: Pick<Attempts, 'saveProgress' | 'addMetrics' | 'addEvent' | 'addCheckpoint' | 'addArtifact'>
  readonly store: Pick<ObjectStore, 'delete'>
  readonly log: Log
}

export interface Recorder {
  record(message: RecordedMessage): void
  /** Resolves when everything recorded so far is stored or given up. */
  drained(): Promise<void>
  /** Why the stored record of the attempt ends before its time; null while every write has succeeded. */
  failure(): Error | null
}

/**
 * Stores what a trainer reports, one message after the other in the order of their arrival. After the first write that fails
 * nothing more is stored, and `failed` is told once.
 */
export function makeRecorder(
  ref: AttemptRef,
  keptCheckpoints: number,
  context: RecorderContext,
  failed: (error: Error) => void,
): Recorder {
  let chain: Promise<void> = Promise.resolve()
  let failure: Error | null = null

  const write = async (message: RecordedMessage) => {
    if (failure) return discard(message)
    try {
      await store(message)
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
      // Only a refused write is surely not in the database; the object of another failed one may be named there.
      if (error instanceof StaleAttemptError) await discard(message)
      failed(failure)
    }
  }
  const store = async (message: RecordedMessage): Promise<void> => {
    const { attempts } = context
    switch (message.type) {
      case 'started': {
        const { pins, steps, parameters } = message
        return attempts.addEvent(ref, 'training.started', { pins, steps, parameters })
      }
      case 'progress':
        return attempts.saveProgress(ref, message.progress)
      case 'metrics':
        return attempts.addMetrics(ref, message.series)
      case 'event':
        return attempts.addEvent(ref, message.event, message.data)
      case 'checkpoint': {
        const { type: _, ...checkpoint } = message
        return remove(await attempts.addCheckpoint(ref, checkpoint, keptCheckpoints))
      }
      case 'artifact': {
        const { type: _, ...artifact } = message
        return remove(await attempts.addArtifact(ref, artifact))
      }
    }
  }
  /** The keys of an attempt are its own, so an object that was refused a row is nobody's. */
  const discard = async (message: RecordedMessage) => {
    if (message.type === 'checkpoint' || message.type === 'artifact') await remove([message.key])
  }
  /** An object left behind costs space, not correctness. */
  const remove = async (keys: readonly string[]) => {
    for (const key of keys) {
      await context.store
        .delete(key)
        .catch((error: unknown) =>
          context.log.warn({ ...ref, key, err: error }, 'a superfluous object was not deleted'),
        )
    }
  }
  return {
    record(message) {
      chain = chain.then(() => write(message))
    },
    drained: () => chain,
    failure: () => failure,
  }
}
