import { createHash, randomBytes } from 'node:crypto'
import { makeId } from '../contracts/ids.js'
import type { Database } from './database.js'

export interface Principal {
  readonly projectId: string
  readonly scopes: readonly string[]
}

export interface ApiKeys {
  /** Null when no such key exists. */
  authenticate(key: string): Promise<Principal | null>
  /** The key itself: shown once, only its hash is stored. */
  create(projectId: string, scopes: readonly string[]): Promise<string>
  /** Id of the project `default`, made if need be. */
  ensureDefaultProject(): Promise<string>
  /** Id of the project of this name, made if need be. */
  ensureProject(name: string): Promise<string>
}

export function makeApiKeys(db: Database): ApiKeys {
  const ensureProject = async (name: string) => {
    // Two processes may start at once: the loser's insert does nothing.
    await db.prisma.project.createMany({ data: [{ id: makeId('prj'), name }], skipDuplicates: true })
    return (await db.prisma.project.findUniqueOrThrow({ where: { name } })).id
  }
  return {
    authenticate: async (key) =>
      db.prisma.apiKey.findUnique({ where: { keyHash: hash(key) }, select: { projectId: true, scopes: true } }),
    create: async (projectId, scopes) => {
      const key = `esp_${randomBytes(32).toString('base64url')}`
      await db.prisma.apiKey.create({
        data: { id: makeId('key'), projectId, keyHash: hash(key), scopes: [...scopes] },
      })
      return key
    },
    ensureDefaultProject: () => ensureProject('default'),
    ensureProject,
  }
}

function hash(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}
