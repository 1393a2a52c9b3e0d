import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, sep } from 'node:path'

export interface SourceFile {
  /** From the root of the tree, with `/`: `ml/engine/compile.ts`. */
  readonly path: string
  readonly lines: number
  readonly text: string
  /** Files of the tree that it imports, as paths from the root. */
  readonly internal: readonly string[]
  /** Those of them that are still there at run time: all but `import type` and `export type`. */
  readonly loaded: readonly string[]
  /** Packages and `node:` modules that it imports, without subpath: `typebox`, `@prisma/client`, `node:fs`. */
  readonly external: readonly string[]
}

/** `import … from 'x'`, `export … from 'x'`, `import 'x'`, `import('x')` and `require('x')`; types count too. */
const SPECIFIER = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(['"])([^'"\n]+)\1/g

/** A whole statement that only names types. */
const TYPES = /\b(?:import|export)\s+type\s+(?:\{[^}]*\}|\*\s+as\s+\w+|\*|\w+)\s+from\s*(['"])[^'"\n]+\1/g

function specifiersOf(code: string): string[] {
  return [...code.matchAll(SPECIFIER)].map((match) => match[2] ?? '')
}

/** Reads every TypeScript file below `root`. `src/db/generated` is made by Prisma and is not ours to judge. */
export function readSourceTree(root: string): SourceFile[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => path.split(sep).join('/'))
    .filter((path) => /\.tsx?$/.test(path) && !path.startsWith('db/generated/'))
    .sort()
    .map((path) => readSourceFile(root, path))
}

function readSourceFile(root: string, path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8')
  const code = withoutComments(text)
  const specifiers = specifiersOf(code)
  const internalOf = (all: readonly string[]) =>
    all.filter((specifier) => specifier.startsWith('.')).map((to) => resolveInside(path, to))
  return {
    path,
    text,
    lines: text.split('\n').length - 1,
    internal: internalOf(specifiers),
    loaded: internalOf(specifiersOf(code.replace(TYPES, ''))),
    external: specifiers.filter((specifier) => !specifier.startsWith('.')).map(packageOf),
  }
}

function resolveInside(from: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(from), specifier)).replace(/\.js$/, '.ts')
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/')
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier)
}

/** Line comments are cut only where the line begins with one, so that `'https://…'` stays whole. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}

/** The folder below `root` that a path belongs to; a file directly in it stands for itself: `config.ts` → `config`. */
export function partOf(path: string): string {
  const [first = path, ...rest] = path.split('/')
  return rest.length === 0 ? first.replace(/\.tsx?$/, '') : first
}
