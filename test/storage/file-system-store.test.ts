import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeFileSystemStore } from '../../src/storage/file-system-store.js'
import { makeObjectStore } from '../../src/storage/make-object-store.js'
import { itIsAnObjectStore } from './object-store-conformance.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'espalier-store-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('file-system store', () => {
  itIsAnObjectStore(async () => makeObjectStore({ kind: 'file-system', folder: path.join(folder, 'objects') }))
})

it('leaves no draft behind, whether a write succeeds or fails', async () => {
  const store = makeFileSystemStore(folder)
  await store.put('a', new Uint8Array(10))
  const failing = Readable.from(
    (function* () {
      yield new Uint8Array(10)
      throw new Error('the source failed')
    })(),
  )
  await expect(store.put('b', failing)).rejects.toThrow()
  expect(await readdir(path.join(folder, '.incoming'))).toEqual([])
})

it('lets only its owner in', async () => {
  const objects = path.join(folder, 'objects')
  await makeFileSystemStore(objects).put('a/b/c', new Uint8Array(1))
  const mode = async (name: string) => (await stat(path.join(objects, name))).mode & 0o777
  expect(await Promise.all(['', '.incoming', 'a', 'a/b'].map(mode))).toEqual([0o700, 0o700, 0o700, 0o700])
  expect(await mode('a/b/c')).toBe(0o600)
})

it('removes drafts that a killed process left, but none that may still be written', async () => {
  const incoming = path.join(folder, '.incoming')
  await mkdir(incoming)
  await writeFile(path.join(incoming, 'old'), 'x')
  await writeFile(path.join(incoming, 'young'), 'x')
  const dayBefore = new Date(Date.now() - 2 * 86_400_000)
  await utimes(path.join(incoming, 'old'), dayBefore, dayBefore)
  await makeFileSystemStore(folder).put('a', new Uint8Array(1))
  expect(await readdir(incoming)).toEqual(['young'])
})
