import { readFile } from 'node:fs/promises'
import { UsageError } from './exit-codes.js'

/** A file that the user named, or what comes in for `-`. @throws UsageError that names the file */
export async function readInput(file: string): Promise<Buffer> {
  try {
    return await readFile(file === '-' ? '/dev/stdin' : file)
  } catch (error) {
    throw new UsageError(`${file} ${whyUnreadable(error)}`)
  }
}

function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null
  if (code === 'ENOENT') return 'does not exist'
  if (code === 'EISDIR') return 'is a folder; name a file'
  return `cannot be read: ${error instanceof Error ? error.message : String(error)}`
}
