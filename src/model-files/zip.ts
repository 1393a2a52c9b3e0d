import { promisify } from 'node:util'
import { crc32, inflateRaw } from 'node:zlib'
import { FormatError } from '../formats/format-error.js'

const inflate = promisify(inflateRaw)

const MAX_ENTRIES = 1000
/** Far more than the layers of any model take; what is parsed takes many times as much memory. */
const MAX_JSON_BYTES = 8 * 1024 * 1024
const PLAIN = /^(?![/\\])(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]*$/
const STORED = 0
const DEFLATED = 8
const ENCRYPTED = 1

/** Sizes of the parts of an archive without names, and how they begin. */
const END = { signature: 0x06054b50, bytes: 22, maxComment: 0xffff }
const DIRECTORY_ENTRY = { signature: 0x02014b50, bytes: 46 }
const FILE_HEADER = { signature: 0x04034b50, bytes: 30 }
/** Where these stand, the real numbers are in a part of ZIP64. */
const ELSEWHERE = { count: 0xffff, size: 0xffffffff }

/** A file as the directory at the end of the archive describes it. */
interface Entry {
  readonly name: string
  readonly isDeflated: boolean
  readonly crc: number
  /** In the archive, and unpacked. */
  readonly packed: number
  readonly size: number
  /** Where its header begins. */
  readonly at: number
}

/**
 * The files of a zip archive. Sizes are added up as the archive declares them before anything is inflated, nothing is inflated beyond what is declared, and
 * checksums are compared. Folders are left out.
 * @throws FormatError for what is no archive, is damaged, encrypted or ZIP64, names that lead elsewhere or come twice, other methods, and more than `maxBytes` in all
 * @see PKWARE, APPNOTE.TXT, .ZIP File Format Specification.
 */
export async function unzip(bytes: Uint8Array, maxBytes: number): Promise<ReadonlyMap<string, Uint8Array>> {
  const entries = entriesOf(bytes)
  const unpacked = entries.reduce((sum, { size }) => sum + size, 0)
  if (unpacked > maxBytes) throw new FormatError(`the archive unpacks to more than ${maxBytes} bytes`)
  if (entries.reduce((sum, { packed }) => sum + packed, 0) > bytes.length) throw damaged('its files overlap')
  const files = new Map<string, Uint8Array>()
  for (const entry of entries) files.set(entry.name, await read(bytes, entry))
  return files
}

/** Names of the files of an archive. @throws FormatError */
export function namesIn(bytes: Uint8Array): string[] {
  return entriesOf(bytes).map(({ name }) => name)
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

function entriesOf(bytes: Uint8Array): Entry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = endOf(view)
  const count = view.getUint16(end + 10, true)
  let at = view.getUint32(end + 16, true)
  if (count === ELSEWHERE.count || at === ELSEWHERE.size) throw isZip64()
  if (count > MAX_ENTRIES) throw new FormatError(`the archive has ${count} files; at most ${MAX_ENTRIES} are read`)
  const entries = new Map<string, Entry>()
  for (let index = 0; index < count; index++) {
    if (at + DIRECTORY_ENTRY.bytes > end || view.getUint32(at, true) !== DIRECTORY_ENTRY.signature)
      throw damaged('its directory ends early')
    const [nameBytes, others] = [
      view.getUint16(at + 28, true),
      view.getUint16(at + 30, true) + view.getUint16(at + 32, true),
    ]
    const begin = at + DIRECTORY_ENTRY.bytes
    // Names beyond ASCII are refused, whatever their encoding.
    const name = Buffer.from(bytes.subarray(begin, begin + nameBytes)).toString('latin1')
    if (!PLAIN.test(name)) throw new FormatError(`the archive has a file called ${JSON.stringify(name).slice(0, 80)}`)
    if (entries.has(name)) throw new FormatError(`the archive has ${name} twice`)
    if (!name.endsWith('/')) entries.set(name, entryAt(view, at, name))
    at = begin + nameBytes + others
  }
  return [...entries.values()]
}

/** Where the record at the end of an archive begins; a comment may follow it. */
function endOf(view: DataView): number {
  const last = view.byteLength - END.bytes
  for (let at = last; at >= 0 && at >= last - END.maxComment; at--)
    if (view.getUint32(at, true) === END.signature) return at
  throw damaged('it has no directory')
}

function entryAt(view: DataView, at: number, name: string): Entry {
  const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)]
  if ((flags & ENCRYPTED) !== 0) throw new FormatError(`${name} is encrypted`)
  if (method !== STORED && method !== DEFLATED)
    throw new FormatError(`${name} is compressed by method ${method}; only deflate is read`)
  const [packed, size] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true)]
  const header = view.getUint32(at + 42, true)
  if ([packed, size, header].includes(ELSEWHERE.size)) throw isZip64()
  return { name, isDeflated: method === DEFLATED, crc: view.getUint32(at + 16, true), packed, size, at: header }
}

async function read(bytes: Uint8Array, { name, isDeflated, crc, packed, size, at }: Entry): Promise<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (at + FILE_HEADER.bytes > bytes.length || view.getUint32(at, true) !== FILE_HEADER.signature)
    throw damaged(`${name} is not where the directory says`)
  const begin = at + FILE_HEADER.bytes + view.getUint16(at + 26, true) + view.getUint16(at + 28, true)
  if (begin + packed > bytes.length) throw damaged(`${name} lies beyond its end`)
  const stored = bytes.subarray(begin, begin + packed)
  const unpacked = isDeflated ? await inflated(stored, name, size) : stored
  if (unpacked.length !== size) throw damaged(`${name} is not as long as the archive says`)
  if (crc32(unpacked) !== crc) throw damaged(`the checksum of ${name} is another one`)
  return unpacked
}

async function inflated(bytes: Uint8Array, name: string, size: number): Promise<Uint8Array> {
  try {
    return await inflate(bytes, { maxOutputLength: Math.max(1, size), chunkSize: 256 * 1024 })
  } catch (cause) {
    throw damaged(`${name} cannot be unpacked to the ${size} bytes that the archive says`, cause)
  }
}

function damaged(detail: string, cause?: unknown): FormatError {
  return new FormatError(`the file is not a zip archive that can be read: ${detail}`, { cause })
}

function isZip64(): FormatError {
  return new FormatError('the archive is ZIP64, which is for 4 GiB and more: pack it without')
}
