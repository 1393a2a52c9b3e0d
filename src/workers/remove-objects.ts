import type { AttemptRef } from '../db/attempts.js'
import type { ObjectStore } from '../storage/object-store.js'
import type { Log } from './log.js'

/** Deletes objects that no row names any more. One left behind costs space, not correctness. */
export async function removeObjects(
  keys: readonly string[],
  ref: AttemptRef,
  { store, log }: { readonly store: Pick<ObjectStore, 'delete'>; readonly log: Log },
): Promise<void> {
  for (const key of keys) {
    await store
      .delete(key)
      .catch((error: unknown) =>
        log.warn({ jobId: ref.jobId, attempt: ref.attempt, key, err: error }, 'a superfluous object was not deleted'),
      )
  }
}
