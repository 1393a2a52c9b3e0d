import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { loadBuiltin } from '../../src/datasets/builtin.js'
import { decodeIdx } from '../../src/datasets/idx.js'
import { storeDataset } from '../../src/datasets/prepare.js'
import { decodeSafetensors } from '../../src/formats/safetensors.js'
import { makeFileSystemStore } from '../../src/storage/file-system-store.js'

it('stores MNIST as bytes with int32 labels, and the same bytes each time', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'espalier-mnist-'))
  try {
    const store = makeFileSystemStore(folder)
    const prepared = await storeDataset(store, await loadBuiltin('mnist', 'digits'))
    expect(prepared).toMatchObject({
      name: 'digits',
      source: 'builtin:mnist',
      key: `datasets/${prepared.id}.safetensors`,
    })
    expect(prepared.schema).toMatchObject({ exampleShape: [28, 28, 1], trainRows: 60_000, testRows: 10_000 })
    const bytes = await store.get(prepared.key)
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(prepared.sha256)
    expect(bytes.length).toBe(prepared.bytes)
    const { tensors } = decodeSafetensors(bytes)
    expect(Object.entries(tensors).map(([name, { type, shape }]) => [name, type, shape])).toEqual(
      expect.arrayContaining([
        ['train.features', 'uint8', [60_000, 28, 28, 1]],
        ['train.labels', 'int32', [60_000]],
        ['test.features', 'uint8', [10_000, 28, 28, 1]],
        ['test.labels', 'int32', [10_000]],
      ]),
    )
    // The test set is known to begin 7, 2, 1, 0, 4 and to have 980 zeros.
    const labels = tensors['test.labels']?.values ?? new Int32Array()
    expect([...labels.slice(0, 5)]).toEqual([7, 2, 1, 0, 4])
    expect(labels.filter((label) => label === 0).length).toBe(980)
    const again = await storeDataset(store, await loadBuiltin('mnist'))
    expect(again.sha256).toBe(prepared.sha256)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

it.each([
  ['shorter than its header', [0, 0, 8, 1, 0, 0]],
  ['of another type', [0, 0, 13, 1, 0, 0, 0, 1, 7]],
  ['a value short', [0, 0, 8, 1, 0, 0, 0, 2, 7]],
  ['a value long', [0, 0, 8, 1, 0, 0, 0, 1, 7, 8]],
])('refuses an IDX file that is %s', (_, bytes) => {
  expect(() => decodeIdx(Uint8Array.from(bytes))).toThrow('IDX')
})
