import type { Readable } from 'node:stream'
import { problem } from '../errors.js'
import type { StoredTensors } from '../formats/safetensors.js'
import type { DatasetDraft } from './draft.js'

export interface TextOptions {
  readonly name: string
  readonly source: string
  /** Characters a window, 2 to 4096; default 64. */
  readonly sequenceLength?: number | undefined
  /** Share of the characters, the end of the text, that becomes the test split, in [0, 0.9]; default 0.1. */
  readonly testFraction?: number | undefined
}

const MAX_VOCABULARY = 1000
/** Each is stored twice at 4 bytes, as feature and as label, and once more while it is written. */
const MAX_CHARACTERS = 25_000_000

/**
 * A UTF-8 text as a string, with `\n` for every end of a line and without byte order mark.
 * @throws DATASET_INVALID for bytes that are not UTF-8, NUL characters, or more than 25,000,000 UTF-16 units
 */
export async function readText(body: Readable, maxLength = MAX_CHARACTERS): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const parts: string[] = []
  let length = 0
  try {
    for await (const chunk of body) {
      const part = decoder.decode(chunk as Buffer, { stream: true })
      length += part.length
      if (length > maxLength)
        throw unusable(`the text has more than ${maxLength} characters, which is more than is taken`)
      parts.push(part)
    }
    parts.push(decoder.decode())
  } catch (error) {
    throw isEncodingFault(error) ? unusable('the file is not UTF-8 text: save it as plain text in UTF-8') : error
  } finally {
    // The rest of a refused upload is read and thrown away, so that the answer can be sent.
    body.resume()
  }
  const text = parts.join('').replaceAll(/\r\n?/g, '\n')
  if (text.includes('\0')) throw unusable('the text has the character NUL: is it a binary file?')
  return text
}

/**
 * Predicting the next character. Token i is the i-th of the text's characters (code points) in their numeric order, test part included.
 * Window w of a split takes the ids x[w·T … w·T + T − 1] as features and the same moved on by one as labels, both int32 [windows, T];
 * what is left at the end of a split is dropped. The test split is the end of the text, so no character is in both.
 * @throws DATASET_INVALID for an empty text, more than 1,000 different characters, or a split of fewer than T + 1 characters
 */
export function textToDataset(text: string, options: TextOptions): DatasetDraft {
  const { name, source, sequenceLength: length = 64, testFraction = 0.1 } = options
  if (text === '') throw unusable('the file is empty')
  const { vocabulary, ids } = tokenize(text)
  const testCharacters = Math.round(ids.length * testFraction)
  const train = windows(ids.subarray(0, ids.length - testCharacters), length)
  const test = windows(ids.subarray(ids.length - testCharacters), length)
  if (train.rows === 0) throw tooShort('training', ids.length - testCharacters, length)
  if (test.rows === 0 && testFraction > 0) throw tooShort('test', testCharacters, length)
  const tensors: StoredTensors = {
    'train.features': { type: 'int32', shape: [train.rows, length], values: train.features },
    'train.labels': { type: 'int32', shape: [train.rows, length], values: train.labels },
    ...(test.rows > 0 && {
      'test.features': { type: 'int32', shape: [test.rows, length], values: test.features },
      'test.labels': { type: 'int32', shape: [test.rows, length], values: test.labels },
    }),
  }
  return {
    name,
    source,
    schema: {
      exampleShape: [length],
      featureType: 'int32',
      vocabularySize: vocabulary.length,
      columns: null,
      target: { kind: 'tokens', vocabulary, length },
      trainRows: train.rows,
      testRows: test.rows,
    },
    tensors,
  }
}

function tokenize(text: string): { vocabulary: string[]; ids: Int32Array } {
  const points = new Set<number>()
  let count = 0
  for (const character of text) {
    points.add(character.codePointAt(0) ?? 0)
    count += 1
  }
  if (points.size > MAX_VOCABULARY)
    throw unusable(`the text has ${points.size} different characters; at most ${MAX_VOCABULARY} are taken`)
  const sorted = [...points].sort((a, b) => a - b)
  const idOf = new Map(sorted.map((point, id) => [point, id]))
  const ids = new Int32Array(count)
  let at = 0
  for (const character of text) ids[at++] = idOf.get(character.codePointAt(0) ?? 0) ?? 0
  return { vocabulary: sorted.map((point) => String.fromCodePoint(point)), ids }
}

/** The last label of a window is the first feature of the next. */
function windows(ids: Int32Array, length: number): { rows: number; features: Int32Array; labels: Int32Array } {
  const rows = Math.max(0, Math.floor((ids.length - 1) / length))
  return { rows, features: ids.slice(0, rows * length), labels: ids.slice(1, 1 + rows * length) }
}

function tooShort(split: 'training' | 'test', characters: number, length: number) {
  const fix = split === 'training' ? 'a smaller testFraction' : 'a larger testFraction, or 0 for no test split'
  return unusable(
    `the ${split} split has ${characters} characters, and one window of sequenceLength ${length} takes ${length + 1}: ` +
      `send more text, a smaller sequenceLength or ${fix}`,
  )
}

function isEncodingFault(error: unknown): boolean {
  return error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
}

/** The file as a whole is at fault. */
function unusable(detail: string) {
  return problem('DATASET_INVALID', `/file: ${detail}`, [{ pointer: '/file', detail }])
}
