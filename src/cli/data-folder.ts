import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { SCOPES } from '../contracts/scope.js'
import type { ApiKeys } from '../db/api-keys.js'
import { UsageError } from './exit-codes.js'
import { apiKeyFile, type RunningService, readIfThere, serviceFile } from './target.js'

export interface StoredKey {
  readonly key: string
  /** Made just now: the only moment to print it. */
  readonly created: boolean
}

/** Makes the data folder, for its owner only; one that is there keeps its mode. @throws UsageError when a file is in its place */
export async function ensureDataFolder(dataFolder: string): Promise<void> {
  try {
    await mkdir(dataFolder, { recursive: true, mode: 0o700 })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'EEXIST' || code === 'ENOTDIR')
      throw new UsageError(`${dataFolder} is not a folder: choose another with --data`)
    if (code === 'EACCES' || code === 'EROFS')
      throw new UsageError(`${dataFolder} cannot be made (${code}): choose another with --data`)
    throw error
  }
}

/** The key in the data folder if this database knows it, else a new one for the default project, kept there with mode 0600. */
export async function ensureApiKey(dataFolder: string, apiKeys: ApiKeys): Promise<StoredKey> {
  const projectId = await apiKeys.ensureDefaultProject()
  const file = apiKeyFile(dataFolder)
  const stored = (await readIfThere(file))?.trim()
  if (stored && (await apiKeys.authenticate(stored)) !== null) return { key: stored, created: false }
  const key = await apiKeys.create(projectId, SCOPES)
  await ensureDataFolder(dataFolder)
  await writeFile(file, `${key}\n`, { mode: 0o600 })
  // `mode` has no say when the file was there already.
  await chmod(file, 0o600)
  return { key, created: true }
}

/** Tells the other commands where the service on this data folder listens. */
export async function announceService(
  dataFolder: string,
  service: RunningService,
): Promise<{ close(): Promise<void> }> {
  const file = serviceFile(dataFolder)
  await writeFile(file, `${JSON.stringify(service)}\n`, { mode: 0o600 })
  return {
    async close() {
      const current = JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as Partial<RunningService>
      if (current.pid === service.pid) await rm(file, { force: true })
    },
  }
}
