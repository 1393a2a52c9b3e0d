import type { JobEvent } from '../contracts/event.js'
import { problem } from '../errors.js'
import { fieldProblem } from './field-problem.js'

/** The database counts in 32 bits. */
export const MAX_SEQUENCE = 2_147_483_647

export interface EventPage {
  readonly data: JobEvent[]
  readonly nextCursor: string | null
  readonly hasMore: boolean
}

/** `events` was asked for with one more than `limit`. */
export function pageOfEvents(events: readonly JobEvent[], limit: number): EventPage {
  const data = events.slice(0, limit)
  const last = data.at(-1)
  const hasMore = events.length > limit
  return { data, hasMore, nextCursor: hasMore && last ? encode(last.sequence) : null }
}

/** Sequence after which to go on: of the cursor, else of `Last-Event-ID`, else `after`. @throws CURSOR_INVALID */
export function positionOf(
  { cursor, after = 0 }: { readonly cursor?: string; readonly after?: number },
  lastEventId?: string | string[],
): number {
  if (cursor !== undefined) return decode(cursor)
  // A browser that has seen no event yet sends an empty one, or none.
  if (lastEventId === undefined || lastEventId === '') return after
  if (typeof lastEventId === 'string' && /^\d{1,10}$/.test(lastEventId))
    return Math.min(Number(lastEventId), MAX_SEQUENCE)
  throw problem('CURSOR_INVALID', 'Last-Event-ID is not the `id` of an event: it must be a whole number')
}

function encode(sequence: number): string {
  return Buffer.from(`event:${sequence}`).toString('base64url')
}

function decode(cursor: string): number {
  const [, digits] = /^event:(\d{1,10})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  const sequence = Number(digits)
  if (digits === undefined || sequence > MAX_SEQUENCE || encode(sequence) !== cursor)
    throw fieldProblem('CURSOR_INVALID', [
      { pointer: '/cursor', detail: 'is not one of this list; take `nextCursor` of the page before, unchanged' },
    ])
  return sequence
}
