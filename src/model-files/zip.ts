import { type Entry, type FileEntry, Uint8ArrayReader, ZipReader } from '@zip.js/zip.js'
import { FormatError } from '../formats/format-error.js'

const MAX_ENTRIES = 1000
/** Far more than the layers of any model take; what is parsed takes many times as much memory. */
const MAX_JSON_BYTES = 8 * 1024 * 1024

/** Strict: names that lead elsewhere or come twice, sizes that two places tell differently, and bytes around the archive are refused. */
const STRICT = { strictness: 'strict', checkCrc32: true, checkOverlappingEntry: true, useWebWorkers: false } as const

/**
 * The files of a zip archive. Sizes are added up as the archive declares them before anything is inflated, nothing is inflated beyond what is declared, and
 * checksums are compared. Folders are left out.
 * @throws FormatError for what is no archive, is damaged, ambiguous or encrypted, and more than `maxBytes` in all
 */
export async function unzip(bytes: Uint8Array, maxBytes: number): Promise<ReadonlyMap<string, Uint8Array>> {
  const reader = new ZipReader(new Uint8ArrayReader(bytes), STRICT)
  const entries: FileEntry[] = []
  let unpacked = 0
  for await (const entry of entriesOf(reader)) {
    if (entries.length === MAX_ENTRIES)
      throw new FormatError(`the archive has too many files; at most ${MAX_ENTRIES} are read`)
    if (entry.directory) continue
    unpacked += entry.uncompressedSize
    if (unpacked > maxBytes) throw new FormatError(`the archive unpacks to more than ${maxBytes} bytes`)
    entries.push(entry)
  }
  const files = new Map<string, Uint8Array>()
  for (const entry of entries) files.set(entry.filename, await read(entry))
  return files
}

/** @throws FormatError if there is no such file, or it is not JSON */
export function jsonOf(files: ReadonlyMap<string, Uint8Array>, name: string): unknown {
  const bytes = files.get(name)
  if (!bytes) throw new FormatError(`the archive has no ${name}`)
  if (bytes.length > MAX_JSON_BYTES)
    throw new FormatError(`${name} has ${bytes.length} bytes; a JSON file may have ${MAX_JSON_BYTES}`)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new FormatError(`${name} is not JSON`, { cause })
  }
}

export function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b
}

async function* entriesOf(reader: ZipReader<unknown>): AsyncGenerator<Entry> {
  try {
    yield* reader.getEntriesGenerator()
  } catch (error) {
    throw damaged(error)
  }
}

async function read(entry: FileEntry): Promise<Uint8Array> {
  const bytes = new Uint8Array(entry.uncompressedSize)
  let end = 0
  const writable = new WritableStream<Uint8Array>({
    write(chunk) {
      bytes.set(chunk, end)
      end += chunk.length
    },
  })
  try {
    await entry.getData(writable)
  } catch (error) {
    throw damaged(error, entry.filename)
  }
  if (end < bytes.length) throw damaged(new Error('is shorter than the archive says'), entry.filename)
  return bytes
}

/** Errors of the library are of no class of their own: one of the archive is known by where it comes from. */
function damaged(error: unknown, file?: string): FormatError {
  if (error instanceof FormatError) return error
  const what = error instanceof Error ? error.message : String(error)
  const where = file === undefined ? '' : `${JSON.stringify(file.slice(0, 80))}: `
  return new FormatError(`the file is not a zip archive that can be read: ${where}${what}`, { cause: error })
}
