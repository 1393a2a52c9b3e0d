import { readFileSync, rmSync } from 'node:fs'
import { mkdir, open, readFile, rm } from 'node:fs/promises'
import path from 'node:path'

export interface FolderLock {
  release(): Promise<void>
}

/**
 * Marks `folder` as used by this process, with a file that names it. A file left by a dead process is replaced; that of a
 * live one is an error.
 */
export async function acquireFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = path.join(folder, 'owner.pid')
  for (let round = 0; round < 2; round++) {
    try {
      const handle = await open(file, 'wx', 0o600)
      await handle.writeFile(`${process.pid} ${startOf(process.pid) ?? ''}`)
      await handle.close()
      // Also when the process ends without having closed everything: an exit handler may only do what is synchronous.
      const releaseAtExit = () => rmSync(file, { force: true })
      process.once('exit', releaseAtExit)
      return {
        async release() {
          process.removeListener('exit', releaseAtExit)
          await rm(file, { force: true })
        },
      }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      const owner = await liveOwner(file)
      if (owner !== null)
        throw new Error(`${folder} is in use by process ${owner}: stop it, or choose another data folder`)
      await rm(file, { force: true })
    }
  }
  throw new Error(`${folder} is being taken by another process`)
}

async function liveOwner(file: string): Promise<number | null> {
  const [pidText = '', start = ''] = (await readFile(file, 'utf8').catch(() => '')).split(' ')
  const pid = Number(pidText)
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return null
  // After a restart of the machine or a container, another process may have got the number.
  const now = startOf(pid)
  return start !== '' && now !== null && now !== start ? null : pid
}

/** A zombie (killed, its parent has not noticed; usual in containers) is not alive. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  return statOf(pid)?.[0] !== 'Z'
}

/** When the process began, in the system's ticks; null where there is no /proc. */
function startOf(pid: number): string | null {
  return statOf(pid)?.[19] ?? null
}

/** The fields of /proc/<pid>/stat from the third, the state; null where there is none. */
function statOf(pid: number): string[] | null {
  try {
    // The name in the second field may hold anything, so count from its closing bracket.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? null
  } catch {
    return null
  }
}
