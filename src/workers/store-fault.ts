/** What the system's codes mean for someone who has to put it right. */
const MEANING: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'the worker may not write there',
  EPERM: 'the worker may not write there',
  EIO: 'the disk reports errors',
}

/** One line for an object that the store did not take; the cause has the rest. */
export function storeFault(what: string, error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const why = MEANING[code] ?? (error instanceof Error ? error.message : String(error))
  return new Error(`the object store did not take ${what}: ${why}${code && MEANING[code] ? ` (${code})` : ''}`, {
    cause: error,
  })
}
