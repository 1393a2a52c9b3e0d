import { problem } from '../errors.js'

/** One page of a list; newest first. */
export interface Listing<T> {
  readonly data: T[]
  readonly nextCursor: string | null
  readonly hasMore: boolean
}

/** Ids sort by time of creation, so the id of the last item is all that a cursor has to hold. */
export function encodeCursor(id: string): string {
  return Buffer.from(id).toString('base64url')
}

const WRONG_CURSOR = 'is not one of this list; take `nextCursor` of the page before, unchanged'

/** @throws CURSOR_INVALID unless it is the cursor of a list of ids with this prefix */
export function decodeCursor(cursor: string, prefix: 'job' | 'ds' | 'mdl'): string {
  const id = Buffer.from(cursor, 'base64url').toString()
  if (!new RegExp(`^${prefix}_[0-9a-f-]{36}$`).test(id) || encodeCursor(id) !== cursor)
    throw problem('CURSOR_INVALID', `/cursor: ${WRONG_CURSOR}`, [{ pointer: '/cursor', detail: WRONG_CURSOR }])
  return id
}

/** `rows` was asked for with one row more than `limit`, which tells whether there is a next page. */
export function toListing<T extends { readonly id: string }>(rows: readonly T[], limit: number): Listing<T> {
  const data = rows.slice(0, limit)
  const last = data.at(-1)
  const hasMore = rows.length > limit
  return { data, nextCursor: hasMore && last ? encodeCursor(last.id) : null, hasMore }
}
