import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readlinkSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeCheckout } from './checkout.js'

let checkout: Awaited<ReturnType<typeof makeCheckout>>
beforeAll(async () => {
  checkout = await makeCheckout()
})
afterAll(() => checkout?.remove())

const ADDON = 'node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8/tfjs_binding.node'
/** A cache in which the engine is built, by a link to the one that these tests run on. */
function builtCache(): string {
  const cache = checkout.at('cache')
  if (!existsSync(cache)) {
    mkdirSync(cache)
    const engine = path.resolve(path.dirname(realpathSync(ADDON)), '../..')
    symlinkSync(engine, path.join(cache, path.basename(engine)))
  }
  return cache
}

const stepsIn = (printed: string) => [...printed.matchAll(/^set-up: (.*) … /gm)].map(([, name]) => name)

describe('set-up', () => {
  // Without any program in PATH: what is there already needs none.
  const setUp = () => checkout.setUp({ PATH: checkout.programs({}), ESPALIER_CACHE: builtCache() })

  it('does what is missing, then nothing, then what has changed', () => {
    const first = setUp()
    expect(first.printed).not.toContain('espalier set-up:')
    expect(stepsIn(first.printed)).toEqual(['database-client', 'link the engine', 'build'])
    expect(first.code).toBe(0)
    expect(existsSync(checkout.at('src/db/generated'))).toBe(true)
    expect(readlinkSync(checkout.at(ADDON)).startsWith(builtCache())).toBe(true)
    expect(existsSync(checkout.at('dist/src/cli/main.js'))).toBe(true)

    expect(setUp()).toEqual({ code: 0, printed: '' })

    writeFileSync(checkout.at('src/cli/main.ts'), 'export const answer: number = 43\n')
    expect(stepsIn(setUp().printed)).toEqual(['build'])
    expect(setUp()).toEqual({ code: 0, printed: '' })
  })

  it('does a step again that failed', () => {
    writeFileSync(checkout.at('src/cli/main.ts'), 'export const answer: number = "many"\n')
    const failed = setUp()
    expect(failed.code).toBe(1)
    expect(failed.printed).toContain('espalier set-up: The TypeScript sources do not compile.')
    expect(failed.printed).toContain('src/cli/main.ts')
    writeFileSync(checkout.at('src/cli/main.ts'), 'export const answer: number = 42\n')
    expect(stepsIn(setUp().printed)).toEqual(['build'])
  })
})

describe('set-up that cannot go on says what is missing and how to get it', () => {
  // Where it really lies: what PATH finds may be a starter that needs more of PATH.
  const found = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' })
  const python = { python3: found.stdout.trim() }
  const compiler = { make: '/bin/true', 'g++': '/bin/true' }
  const on = (statements: string) => `import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
${statements}
syncBuiltinESMExports()
`
  const node = (version: string) =>
    on(`Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`)

  it.each<[string, Record<string, string>, string | undefined, readonly string[]]>([
    ['pip', compiler, undefined, ['Python 3 with pip', 'apt-get install python3-pip']],
    ['make', python, undefined, ['make was not found', 'apt-get install build-essential']],
    ['the compiler', { ...python, make: '/bin/true' }, undefined, ['g++ was not found', 'build-essential']],
    [
      'space',
      { ...python, ...compiler },
      on(`fs.statfsSync = () => ({ bavail: 1, bsize: 1024 ** 3 })`),
      ['has 1.0 GB free', 'needs about 2 GB', 'ESPALIER_CACHE'],
    ],
    [
      'a platform with an engine',
      {},
      on(`Object.defineProperty(process, 'arch', { value: 'riscv64' })`),
      ['not available for', 'riscv64', 'Supported: linux-x64, linux-arm64'],
    ],
    ['a newer Node', {}, node('20.18.3'), ['Node 20.18.3 is too old', '20.19 or later, up to 24']],
    ['an older Node', {}, node('25.1.0'), ['Node 25.1.0 is too new', '20.19 or later, up to 24']],
  ])('%s', (_, programs, preload, expected) => {
    const cache = checkout.at('empty-cache')
    const { code, printed } = checkout.setUp({ PATH: checkout.programs(programs), ESPALIER_CACHE: cache }, preload)
    expect(code).toBe(1)
    const message = printed.slice(printed.indexOf('espalier set-up:'))
    for (const words of expected) expect(message).toContain(words)
    // The message alone, without a stack.
    expect(message).not.toMatch(/^ {4}at /m)
    // No half-built engine stays behind.
    expect(existsSync(cache) ? readdirSync(cache) : []).toEqual([])
  })

  it('npm', () => {
    writeFileSync(checkout.at('package-lock.json'), '{}')
    const { code, printed } = checkout.setUp({
      PATH: checkout.programs({}),
      ESPALIER_CACHE: checkout.at('empty-cache'),
    })
    expect(code).toBe(1)
    expect(printed).toContain('`npm` was not found')
  })
})
