import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Migrations as the schema engine wants them. */
export interface MigrationList {
  baseDir: string
  lockfile: { path: string; content: string | null }
  shadowDbInitScript: string
  migrationDirectories: { path: string; migrationFile: { path: string; content: { tag: 'ok'; value: string } } }[]
}

/** `prisma/` of this package, whether the code runs from `src` or from `dist/src`. */
export function prismaFolder(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url))
  while (!existsSync(path.join(folder, 'prisma', 'schema.prisma'))) {
    const parent = path.dirname(folder)
    if (parent === folder) throw new Error('prisma/schema.prisma is missing: the installation is incomplete')
    folder = parent
  }
  return path.join(folder, 'prisma')
}

export function readSchema(): Promise<string> {
  return readFile(path.join(prismaFolder(), 'schema.prisma'), 'utf8')
}

/** The schema as it was when the newest migration was made; null when there is none. It lies beside the SQL. */
export async function readMigratedSchema(): Promise<string | null> {
  const { baseDir, migrationDirectories } = await readMigrations()
  const newest = migrationDirectories.at(-1)
  return newest ? readFile(path.join(baseDir, newest.path, 'schema.prisma'), 'utf8') : null
}

/** Oldest first: the names begin with a time. */
export async function readMigrations(): Promise<MigrationList> {
  const baseDir = path.join(prismaFolder(), 'migrations')
  const entries = existsSync(baseDir) ? await readdir(baseDir, { withFileTypes: true }) : []
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
  return {
    baseDir,
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(
      names.map(async (name) => {
        const value = await readFile(path.join(baseDir, name, 'migration.sql'), 'utf8')
        return { path: name, migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value } } }
      }),
    ),
  }
}
