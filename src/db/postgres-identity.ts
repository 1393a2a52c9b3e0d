import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { userInfo } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** How to start a program of PostgreSQL so that it does not run as root, which it refuses. */
export interface Identity {
  /** Comes before the program and its arguments. */
  readonly prefix: readonly string[]
  /** For `spawn`. */
  readonly options: { readonly uid?: number; readonly gid?: number }
  /** Who has to own the data; null: whoever we are. */
  readonly owner: { readonly uid: number; readonly gid: number } | null
}

/**
 * Ourselves, unless we are root: then the system user `postgres`, who is made if need be. Where that user cannot enter one of
 * `folders` (a checkout below /root, say), the programs get the right to pass closed folders, by setpriv of util-linux.
 * @throws when there is no way, with what to do
 */
export async function chooseIdentity(folders: readonly string[]): Promise<Identity> {
  if (userInfo().uid !== 0) return { prefix: [], options: {}, owner: null }
  const owner = await postgresUser()
  const closed = folders.map(closedFolder).find((folder) => folder !== null)
  if (!closed) return { prefix: [], options: owner, owner }
  const user = [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups']
  const prefix = ['setpriv', ...user, '--inh-caps=+dac_override', '--ambient-caps=+dac_override']
  try {
    await run('setpriv', [...prefix.slice(1), 'true'])
  } catch (error) {
    throw new Error(
      `PostgreSQL does not run as root, and its user \`postgres\` cannot enter ${closed}: run Espalier as another user, ` +
        'move it to a folder that others may enter, or set DATABASE_URL',
      { cause: error },
    )
  }
  return { prefix, options: {}, owner }
}

async function postgresUser(): Promise<{ uid: number; gid: number }> {
  const idOf = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout)
  const read = async () => ({ uid: await idOf('-u'), gid: await idOf('-g') })
  try {
    return await read()
  } catch {
    await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres'])
    return await read()
  }
}

/** The first folder on the way up from `folder` that other users may not enter. */
function closedFolder(folder: string): string | null {
  for (let at = folder; ; at = path.dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return at
    if (at === path.dirname(at)) return null
  }
}
