import { createHash, randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { checkKey } from './object-key.js'
import { type ObjectInfo, ObjectMissingError, type ObjectStore } from './object-store.js'

/** Objects belong to the service alone. */
const FOLDER_MODE = 0o700
const FILE_MODE = 0o600

/** Writing half of one takes minutes at most; what is older was left by a process that was killed. */
const ABANDONED_AFTER_MS = 86_400_000

/**
 * Objects as files below `folder`. An object is written beside the others in `.incoming`, flushed to the disk and then renamed
 * into its place, so a reader sees the old one, the new one or none.
 */
export function makeFileSystemStore(folder: string): ObjectStore {
  const incoming = path.join(folder, '.incoming') // No key begins with a dot.
  const fileOf = (key: string) => path.join(folder, ...checkKey(key).split('/'))
  let prepared: Promise<void> | null = null

  return {
    put: async (key, body) => {
      const target = fileOf(key)
      prepared ??= prepare(incoming)
      await prepared
      const draft = path.join(incoming, randomUUID())
      try {
        const info = await write(draft, body instanceof Uint8Array ? [body] : body)
        await mkdir(path.dirname(target), { recursive: true, mode: FOLDER_MODE })
        await rename(draft, target)
        await flushFolder(path.dirname(target))
        return info
      } catch (error) {
        await rm(draft, { force: true })
        throw error
      }
    },
    get: async (key) => {
      const file = fileOf(key)
      return orMissing(key, () => readFile(file))
    },
    stream: async (key, range) => {
      const file = fileOf(key)
      // Opened here, so that a missing object is an error of this call and not of the stream.
      const handle = await orMissing(key, () => open(file, 'r'))
      return handle.createReadStream({ ...range })
    },
    size: async (key) => {
      const file = fileOf(key)
      try {
        return (await orMissing(key, () => stat(file))).size
      } catch (error) {
        if (error instanceof ObjectMissingError) return null
        throw error
      }
    },
    delete: async (key) => {
      const file = fileOf(key)
      await orMissing(key, () => rm(file)).catch((error: unknown) => {
        if (!(error instanceof ObjectMissingError)) throw error
      })
    },
    close: async () => {},
  }
}

async function write(file: string, body: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<ObjectInfo> {
  const hash = createHash('sha256')
  const handle = await open(file, 'wx', FILE_MODE)
  let bytes = 0
  try {
    for await (const chunk of body) {
      hash.update(chunk)
      await writeAll(handle, chunk)
      bytes += chunk.byteLength
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  return { bytes, sha256: hash.digest('hex') }
}

/** One `write` may write less than it is given. */
async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.byteLength; ) {
    offset += (await handle.write(chunk, offset, chunk.byteLength - offset)).bytesWritten
  }
}

/** A rename is on the disk only when its folder is. */
async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function prepare(incoming: string): Promise<void> {
  await mkdir(incoming, { recursive: true, mode: FOLDER_MODE })
  for (const name of await readdir(incoming)) {
    const file = path.join(incoming, name)
    const info = await stat(file).catch(() => null) // Another process may have finished or removed it.
    if (info && Date.now() - info.mtimeMs > ABANDONED_AFTER_MS) await rm(file, { force: true })
  }
}

async function orMissing<T>(key: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    // ENOTDIR: a segment of the key is itself an object.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      throw new ObjectMissingError(key)
    throw error
  }
}
