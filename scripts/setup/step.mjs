import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

/** What is missing and how to get it, for the reader of the terminal. */
export class SetupError extends Error {}

/** Ends the set-up with a message. Thrown, not exited, so that half-built folders are removed on the way out. */
export function fail(message) {
  throw new SetupError(message)
}

/** Runs the whole set-up; a SetupError ends it with its message alone and exit code 1. */
export async function main(work) {
  // Ctrl-C ends the running command first; without a listener Node would die here and leave a half-built folder behind.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
  try {
    await work()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    process.stderr.write(`\nespalier set-up: ${error.message}\n`)
    process.exitCode = 1
  }
}

/** Prints to stderr, so that commands with JSON on stdout stay readable for machines. */
export async function step(name, work) {
  process.stderr.write(`set-up: ${name} … `)
  const begin = performance.now()
  await work()
  process.stderr.write(`${((performance.now() - begin) / 1000).toFixed(1)} s\n`)
}

/** Runs a command in the checkout; on failure shows its output after `hint`. */
export function run(command, args, hint, env = {}, cwd = root) {
  const done = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 64 * 1024 * 1024,
  })
  if (done.error?.code === 'ENOENT') fail(`${hint}\n\`${command}\` was not found.`)
  if (done.status !== 0)
    fail(`${hint}\n${`${done.stdout ?? ''}${done.stderr ?? ''}`.trim().split('\n').slice(-30).join('\n')}`)
  return done.stdout
}

export function hashOf(files) {
  const hash = createHash('sha256')
  for (const file of files)
    hash
      .update(file)
      .update('\0')
      .update(existsSync(file) ? readFileSync(file) : '')
  return hash.digest('hex')
}

export function filesUnder(folder, extension) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => path.join(folder, name))
}
