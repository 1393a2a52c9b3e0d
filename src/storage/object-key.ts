const SEGMENT = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/
const MAX_LENGTH = 900

export class ObjectKeyError extends Error {
  override readonly name = 'ObjectKeyError'
}

/**
 * Lets a key pass that every store can hold and that cannot leave its folder: segments of `[A-Za-z0-9._-]` with `/` between
 * them, none beginning with a dot.
 * @throws ObjectKeyError
 */
export function checkKey(key: string): string {
  if (key.length > MAX_LENGTH || !key.split('/').every((segment) => SEGMENT.test(segment)))
    throw new ObjectKeyError(`${JSON.stringify(key.slice(0, 200))} is not a valid object key`)
  return key
}
