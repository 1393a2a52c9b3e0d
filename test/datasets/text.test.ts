import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readText, type TextOptions, textToDataset } from '../../src/datasets/text.js'

const make = (text: string, options: Partial<TextOptions> = {}) =>
  textToDataset(text, { name: 'text', source: 'upload:a.txt', ...options })
const read = (bytes: Uint8Array, chunkBytes = 3, max?: number) =>
  readText(
    Readable.from(
      Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, i) =>
        Buffer.from(bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes)),
      ),
    ),
    max,
  )

describe('windows of a text', () => {
  it('join to the text again, are shifted by one, and share no character between the splits', () =>
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 40, maxLength: 300 }),
        fc.integer({ min: 2, max: 10 }),
        fc.double({ min: 0.3, max: 0.6, noNaN: true }),
        (text, sequenceLength, testFraction) => {
          const { schema, tensors } = make(text, { sequenceLength, testFraction })
          if (schema.target.kind !== 'tokens') throw new Error('no tokens')
          const { vocabulary } = schema.target
          const written = (name: string) => [...(tensors[name]?.values ?? [])].map((id) => vocabulary[id]).join('')
          const characters = [...text]
          const cut = characters.length - Math.round(characters.length * testFraction)
          for (const [split, from, to] of [
            ['train', 0, cut],
            ['test', cut, characters.length],
          ] as const) {
            const rows = Math.floor((to - from - 1) / sequenceLength)
            const size = rows * sequenceLength
            expect(tensors[`${split}.features`]?.shape).toEqual([rows, sequenceLength])
            expect(written(`${split}.features`)).toBe(characters.slice(from, from + size).join(''))
            expect(written(`${split}.labels`)).toBe(characters.slice(from + 1, from + 1 + size).join(''))
          }
          expect(schema.vocabularySize).toBe(new Set(characters).size)
        },
      ),
      { numRuns: 100 },
    ))

  // 11 characters, of which round(11 · 0.3) = 3 are for tests: 8 train, ⌊7 / 2⌋ = 3 windows; 3 test, ⌊2 / 2⌋ = 1.
  it('of "hello world" at T = 2', () => {
    const { schema, tensors } = make('hello world', { sequenceLength: 2, testFraction: 0.3 })
    expect(schema).toEqual({
      exampleShape: [2],
      featureType: 'int32',
      vocabularySize: 8,
      columns: null,
      target: { kind: 'tokens', vocabulary: [' ', 'd', 'e', 'h', 'l', 'o', 'r', 'w'], length: 2 },
      trainRows: 3,
      testRows: 1,
    })
    // h e | l l | o ␣, then e l | l o | ␣ w
    expect(tensors['train.features']?.values).toEqual(Int32Array.from([3, 2, 4, 4, 5, 0]))
    expect(tensors['train.labels']?.values).toEqual(Int32Array.from([2, 4, 4, 5, 0, 7]))
    expect(tensors['test.features']?.values).toEqual(Int32Array.from([6, 4]))
    expect(tensors['test.labels']?.values).toEqual(Int32Array.from([4, 1]))
  })

  it('orders the vocabulary by code point and not by UTF-16 unit', () => {
    // U+FF5E comes before U+1F40B, whose first unit is U+D83D.
    const { schema } = make('～🐋🐋～'.repeat(3), { sequenceLength: 2, testFraction: 0 })
    expect(schema.target).toMatchObject({ vocabulary: ['～', '🐋'] })
    expect(schema).toMatchObject({ trainRows: 5, testRows: 0 })
  })

  it('have no test split where none is asked for', () => {
    expect(Object.keys(make('abcdef', { sequenceLength: 2, testFraction: 0 }).tensors)).toEqual([
      'train.features',
      'train.labels',
    ])
  })

  it.each<[string, string, Partial<TextOptions>, string]>([
    ['nothing', '', {}, 'the file is empty'],
    [
      'one character too few',
      'x'.repeat(64),
      { testFraction: 0 },
      'the training split has 64 characters, and one window of sequenceLength 64 takes 65',
    ],
    ['a test split too short', 'x'.repeat(300), {}, 'the test split has 30 characters'],
    [
      'too many characters',
      String.fromCodePoint(...Array.from({ length: 1001 }, (_, i) => 0x4e00 + i)),
      {},
      '1001 different characters; at most 1000',
    ],
  ])('refuse %s', (_, text, options, part) => {
    expect(() => make(text, options)).toThrow(
      expect.objectContaining({
        code: 'DATASET_INVALID',
        errors: [{ pointer: '/file', detail: expect.stringContaining(part) }],
      }),
    )
  })

  it('takes 65 characters at the default length, and 1,000 different ones', () => {
    expect(make('x'.repeat(65), { testFraction: 0 }).schema.trainRows).toBe(1)
    const text = String.fromCodePoint(...Array.from({ length: 1000 }, (_, i) => 0x4e00 + i))
    expect(make(text).schema.vocabularySize).toBe(1000)
  })
})

describe('reading a text', () => {
  it('gives the same characters however the bytes arrive', () =>
    fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 9 }), async (text, chunkBytes) => {
        fc.pre(!text.includes('\0') && !text.includes('\r') && !text.startsWith('\ufeff'))
        expect(await read(Buffer.from(text), chunkBytes)).toBe(text)
      }),
      { numRuns: 50 },
    ))

  it('ends every line with \\n, and drops a byte order mark', async () => {
    expect(await read(Buffer.from('\ufeffa\r\nb\rc\n\r\nd'))).toBe('a\nb\nc\n\nd')
  })

  it.each([
    ['Latin-1', Buffer.from('größe', 'latin1'), 'UTF-8'],
    ['a character cut off', Buffer.from([0x61, 0xc3]), 'UTF-8'],
    ['NUL', Buffer.from('a\0b'), 'NUL'],
    ['more than the limit', Buffer.from('12345678'), 'more than 7 characters'],
  ])('refuses %s', async (_, bytes, part) => {
    await expect(read(bytes, 3, 7)).rejects.toMatchObject({
      code: 'DATASET_INVALID',
      errors: [{ pointer: '/file', detail: expect.stringContaining(part) }],
    })
  })
})
