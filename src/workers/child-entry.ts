import { fileURLToPath } from 'node:url'

/**
 * Path of a script of this folder that runs as a process of its own. Child processes run the build: beside this file when it
 * is built itself, in `dist` when this file runs from its source, as it does under the tests.
 */
export function childEntry(name: 'trainer' | 'engine-probe'): string {
  const folder = import.meta.url.endsWith('.ts') ? '../../dist/src/workers/' : './'
  return fileURLToPath(new URL(`${folder}${name}.js`, import.meta.url))
}
