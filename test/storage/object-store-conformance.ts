import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ObjectKeyError } from '../../src/storage/object-key.js'
import { ObjectMissingError, type ObjectStore } from '../../src/storage/object-store.js'

const text = (value: string) => new TextEncoder().encode(value)
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** What every ObjectStore promises. `make` gives a store with no objects in it. */
export function itIsAnObjectStore(make: () => Promise<ObjectStore>): void {
  let store: ObjectStore
  beforeEach(async () => {
    store = await make()
  })
  afterEach(() => store.close())

  it('gives back what was put, with its size and hash', async () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 31) % 256)
    const info = { bytes: bytes.length, sha256: sha256(bytes) }
    expect(await store.put('a/b/c.bin', bytes)).toEqual(info)
    expect(await store.put('a/b/d.bin', Readable.from([bytes.slice(0, 7), bytes.slice(7)]))).toEqual(info)
    for (const key of ['a/b/c.bin', 'a/b/d.bin']) {
      expect(Buffer.compare(await store.get(key), bytes)).toBe(0)
      expect(await store.size(key)).toBe(bytes.length)
      expect(Buffer.compare(await buffer(await store.stream(key)), bytes)).toBe(0)
    }
  })

  it('holds empty objects', async () => {
    await store.put('empty', new Uint8Array())
    expect(await store.size('empty')).toBe(0)
    expect((await store.get('empty')).length).toBe(0)
  })

  it('streams ranges whose end is inclusive', async () => {
    await store.put('digits', text('0123456789'))
    const range = async (start: number, end: number) =>
      (await buffer(await store.stream('digits', { start, end }))).toString()
    expect(await range(2, 4)).toBe('234')
    expect(await range(0, 0)).toBe('0')
    expect(await range(9, 9)).toBe('9')
  })

  it('replaces an object; a reader that began before reads the old one to its end', async () => {
    const old = new Uint8Array(1_000_000).fill(1)
    await store.put('key', old)
    const reading = await store.stream('key')
    await store.put('key', text('new'))
    expect(Buffer.compare(await buffer(reading), old)).toBe(0)
    expect(Buffer.from(await store.get('key')).toString()).toBe('new')
  })

  it('never shows an object half-written, and forgets one whose source fails', async () => {
    async function* failing() {
      yield text('half')
      expect(await store.size('broken')).toBeNull()
      throw new Error('the source failed')
    }
    await expect(store.put('broken', Readable.from(failing()))).rejects.toThrow('the source failed')
    expect(await store.size('broken')).toBeNull()
  })

  it('ends with one of the bodies when one key is written many times at once', async () => {
    const bodies = Array.from({ length: 8 }, (_, index) => new Uint8Array(50_000).fill(index))
    await Promise.all(bodies.map((body) => store.put('shared/key', body)))
    const stored = await store.get('shared/key')
    expect(stored.length).toBe(50_000)
    expect(new Set(stored).size).toBe(1)
  })

  it('tells a missing object from a failure', async () => {
    await store.put('file', text('x'))
    for (const key of ['none', 'no/such/folder', 'file/below']) {
      await expect(store.get(key)).rejects.toThrow(ObjectMissingError)
      await expect(store.stream(key)).rejects.toThrow(ObjectMissingError)
      expect(await store.size(key)).toBeNull()
      await store.delete(key)
    }
  })

  it('deletes', async () => {
    await store.put('gone', text('x'))
    await store.delete('gone')
    expect(await store.size('gone')).toBeNull()
  })

  it.each([
    '../outside',
    'a/../../outside',
    '/etc/passwd',
    'a//b',
    'a/',
    '',
    '.',
    '..',
    '.hidden/a',
    'a/.b',
    'a\\b',
    'a b',
    'a\0b',
    'ä',
    'x'.repeat(1_000),
  ])('refuses the key %j in every call', async (key) => {
    await expect(store.put(key, text('x'))).rejects.toThrow(ObjectKeyError)
    await expect(store.get(key)).rejects.toThrow(ObjectKeyError)
    await expect(store.stream(key)).rejects.toThrow(ObjectKeyError)
    await expect(store.size(key)).rejects.toThrow(ObjectKeyError)
    await expect(store.delete(key)).rejects.toThrow(ObjectKeyError)
  })
}
