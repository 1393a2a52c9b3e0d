import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { violations } from './rules.js'
import { readSourceTree } from './source-tree.js'

const made: string[] = []
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** Writes a small tree and returns what the rules say of it. */
function judge(files: Readonly<Record<string, string>>): string[] {
  const root = mkdtempSync(join(tmpdir(), 'espalier-borders-'))
  made.push(root)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return violations(readSourceTree(root))
}

it('finds nothing to object to in src', () => {
  const files = readSourceTree(join(import.meta.dirname, '../../src'))
  expect(files.length).toBeGreaterThan(20)
  expect(files.flatMap((file) => file.internal).length).toBeGreaterThan(20)
  expect(violations(files)).toEqual([])
})

it('finds no import in src that leads to no file', () => {
  const files = readSourceTree(join(import.meta.dirname, '../../src'))
  const paths = new Set(files.map((file) => file.path))
  const dangling = files
    .flatMap((file) => file.internal)
    .filter((to) => !paths.has(to) && !to.startsWith('db/generated/'))
  expect(dangling).toEqual([])
})

it.each([
  ['a static import', "import { train } from '../ml/train.js'"],
  ['an import of types', "import type { Train } from '../ml/train.js'"],
  ['an import over several lines', "import {\n  train,\n} from '../ml/train.js'"],
  ['a re-export', "export { train } from '../ml/train.js'"],
  ['a dynamic import', "const { train } = await import('../ml/train.js')"],
  ['a side-effect import', "import '../ml/train.js'"],
])('sees that api reaches into ml by %s', (_, line) => {
  expect(judge({ 'api/app.ts': `${line}\n`, 'ml/train.ts': 'export const train = 1\n' })).toEqual([
    "api/app.ts imports ml/train.ts: 'api' must not import 'ml'",
  ])
})

it('does not take a comment for an import', () => {
  expect(
    judge({ 'api/app.ts': "/** @example import { a } from '../ml/train.js' */\n// import '../ml/train.js'\n" }),
  ).toEqual([])
})

it.each([
  ['api/app.ts', '@tensorflow/tfjs-core', 'api'],
  ['ml/train.ts', 'node:fs/promises', 'ml/'],
  ['ml/engine/compile.ts', 'node:http', 'ml/engine/'],
  ['contracts/job.ts', 'fastify', 'contracts/'],
])('refuses %s the package %s', (path, name, within) => {
  const shown = name.startsWith('node:') ? (name.split('/')[0] ?? name) : name
  expect(judge({ [path]: `import * as it from '${name}'\n` })).toEqual([
    `${path} imports ${shown}, which is not for ${within}`,
  ])
})

it('names a cycle once, with its path', () => {
  const files = {
    'db/a.ts': "import { b } from './b.js'\n",
    'db/b.ts': "import { c } from './c.js'\n",
    'db/c.ts': "import { a } from './a.js'\n",
    'db/d.ts': "import { a } from './a.js'\n",
  }
  expect(judge(files)).toEqual(['import cycle: db/a.ts → db/b.ts → db/c.ts → db/a.ts'])
})

it('does not take types that refer to each other for a cycle', () => {
  const types = "import type {\n  B,\n} from './b.js'\nexport type { C } from './b.js'\n"
  expect(judge({ 'db/a.ts': types, 'db/b.ts': "import { a } from './a.js'\n" })).toEqual([])
})

it('sees a cycle behind the definition of a type', () => {
  const files = {
    'db/a.ts': "export type A = number\nexport { b } from './b.js'\n",
    'db/b.ts': "import { a } from './a.js'\n",
  }
  expect(judge(files)).toEqual(['import cycle: db/a.ts → db/b.ts → db/a.ts'])
})

it('lets a file have 300 lines and not 301', () => {
  expect(judge({ 'db/long.ts': '\n'.repeat(300) })).toEqual([])
  expect(judge({ 'db/long.ts': '\n'.repeat(301) })).toEqual([
    'db/long.ts has 301 lines, more than 300: probably two ideas',
  ])
})

it('lets config read the environment and nobody else', () => {
  expect(judge({ 'config.ts': 'export const port = process.env.PORT\n' })).toEqual([])
  expect(judge({ 'api/server.ts': 'export const port = process.env.PORT\n' })).toEqual([
    'api/server.ts uses process.env: only config.ts and ml/engine/environment.ts may',
  ])
})

it('asks for a rule for a new part', () => {
  expect(judge({ 'telemetry/log.ts': 'export {}\n' })).toEqual([
    "telemetry/log.ts: no rule says what 'telemetry' may import; add one to test/architecture/rules.ts",
  ])
})
