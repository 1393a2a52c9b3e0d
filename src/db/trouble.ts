import { StaleAttemptError } from './fence.js'

/** Prisma's codes of trouble with the database itself: raw query, pool timeout, transaction timeout, conflict, too many connections. */
const TROUBLE = ['P2010', 'P2024', 'P2028', 'P2034', 'P2037']
/** Classes of SQLSTATE that find fault with the data or the statement: the same write fails for ever. */
const REFUSAL = /^(22|23|42)/

/**
 * The database was out of reach or had not the means, so the same write may succeed later and nobody's job is at fault. False
 * for a write that the database, or Prisma before it, refuses for what it says.
 */
export function isDatabaseTrouble(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof StaleAttemptError) return false
  if (error.name === 'PrismaClientValidationError' || error instanceof TypeError || error instanceof RangeError)
    return false
  const state = sqlStateOf(error)
  if (state !== null) return !REFUSAL.test(state)
  const code = 'code' in error ? String(error.code) : ''
  return !code.startsWith('P2') || TROUBLE.includes(code)
}

/** Of the error that the driver gave, which Prisma wraps: `cause` or `meta.driverAdapterError.cause`. */
function sqlStateOf(error: unknown, depth = 0): string | null {
  if (typeof error !== 'object' || error === null || depth > 4) return null
  if ('originalCode' in error && typeof error.originalCode === 'string') return error.originalCode
  for (const key of ['cause', 'meta', 'driverAdapterError']) {
    // An object is indexed by a name that it may lack.
    const found = sqlStateOf((error as Record<string, unknown>)[key], depth + 1)
    if (found !== null) return found
  }
  return null
}
