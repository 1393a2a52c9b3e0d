import type { AttemptRef, Attempts } from '../db/attempts.js'
import { StaleAttemptError } from '../db/attempts.js'
import type { ObjectStore } from '../storage/object-store.js'
import type { Log } from './log.js'
import { type Patience, persist } from './persist.js'
import type { ClosingMessage, FromTrainer } from './protocol.js'
import { removeObjects } from './remove-objects.js'

export type RecordedMessage = Exclude<FromTrainer, ClosingMessage>

export interface RecorderContext {
  readonly attempts: Pick<
    Attempts,
    'saveProgress' | 'addMetrics' | 'addEvent' | 'addCheckpoint' | 'addArtifact' | 'saveReport'
  >
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
 * Stores what a trainer reports, one message after the other in the order of their arrival; while the database is in trouble
 * they wait. After the first write that fails for good nothing more is stored, and `failed` is told once.
 */
export function makeRecorder(
  ref: AttemptRef,
  keptCheckpoints: number,
  context: RecorderContext,
  patience: Patience,
  failed: (error: Error) => void,
): Recorder {
  let chain: Promise<void> = Promise.resolve()
  let failure: Error | null = null

  const write = async (message: RecordedMessage) => {
    if (failure) return discard(message)
    try {
      await removeObjects(await persist(() => store(message), patience), ref, context)
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
      // Only a refused write is surely not in the database; the object of another failed one may be named there.
      if (error instanceof StaleAttemptError) await discard(message)
      failed(failure)
    }
  }
  /** Keys of the objects that it makes superfluous. Each write may be repeated, whether the one before was committed or not. */
  const store = async (message: RecordedMessage): Promise<readonly string[]> => {
    const { attempts } = context
    switch (message.type) {
      case 'started': {
        const { pins, steps, parameters } = message
        await attempts.addEvent(ref, 'training.started', { pins, steps, parameters })
        return []
      }
      case 'progress':
        await attempts.saveProgress(ref, message.progress)
        return []
      case 'metrics':
        await attempts.addMetrics(ref, message.series)
        return []
      case 'event':
        await attempts.addEvent(ref, message.event, message.data)
        return []
      case 'checkpoint': {
        const { type: _, ...checkpoint } = message
        return attempts.addCheckpoint(ref, checkpoint, keptCheckpoints)
      }
      case 'artifact': {
        const { type: _, ...artifact } = message
        return attempts.addArtifact(ref, artifact)
      }
      case 'report':
        await attempts.saveReport(ref, message.kind, message.step, message.body)
        return []
    }
  }
  /** The keys of an attempt are its own, so an object that was refused a row is nobody's. */
  const discard = async (message: RecordedMessage) => {
    if (message.type === 'checkpoint' || message.type === 'artifact') await removeObjects([message.key], ref, context)
  }
  return {
    record(message) {
      chain = chain.then(() => write(message))
    },
    drained: () => chain,
    failure: () => failure,
  }
}
