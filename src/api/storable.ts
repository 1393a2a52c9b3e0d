import type { FieldError } from '../contracts/parse.js'

const MAX_DEPTH = 32
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

/** The first thing in parsed JSON that the database has no place for: text with NUL or half a surrogate pair, or endless nesting. */
export function findUnstorable(value: unknown, pointer = '', depth = 0): FieldError | null {
  if (typeof value === 'string') {
    const fault = faultOf(value)
    return fault === null ? null : { pointer, detail: fault }
  }
  if (typeof value !== 'object' || value === null) return null
  if (depth >= MAX_DEPTH) return { pointer, detail: `is nested more than ${MAX_DEPTH} levels deep` }
  for (const [name, member] of Object.entries(value)) {
    if (faultOf(name) !== null) return { pointer, detail: 'has a field whose name is not valid text' }
    const at = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    const found = findUnstorable(member, at, depth + 1)
    if (found) return found
  }
  return null
}

function faultOf(text: string): string | null {
  if (text.includes('\0')) return 'must not contain the character NUL'
  return LONE_SURROGATE.test(text) ? 'is not valid Unicode: half of a surrogate pair' : null
}
