// Writes prisma/migrations/<time>_<name>/migration.sql: the SQL that leads from the schema of the newest migration, which lies
// beside its SQL, to prisma/schema.prisma. Usage, after `npm run build`: node scripts/make-migration.mjs NAME
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

const name = process.argv[2]
if (!/^[a-z][a-z0-9-]*$/.test(name ?? '')) {
  console.error('usage: node scripts/make-migration.mjs NAME (lower-case letters, digits and -)')
  process.exit(2)
}
const { startEmbeddedPostgres } = await import('../dist/src/db/embedded-postgres.js')
const { openSchemaEngine } = await import('../dist/src/db/schema-engine.js')
const { prismaFolder, readMigratedSchema, readSchema } = await import('../dist/src/db/migrations-folder.js')

const schema = await readSchema()
const folder = await mkdtemp(path.join(tmpdir(), 'espalier-migration-'))
const server = await startEmbeddedPostgres(folder) // The engine wants a connection even to compare two texts.
try {
  const engine = await openSchemaEngine(server.connectionString, schema)
  const sql = await engine.diff(await readMigratedSchema(), schema)
  await engine.close()
  if (sql === '') {
    console.log('schema and migrations agree: nothing to do')
  } else {
    const time = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
    const target = path.join(prismaFolder(), 'migrations', `${time}_${name}`)
    await mkdir(target, { recursive: true })
    await writeFile(path.join(target, 'migration.sql'), sql)
    await writeFile(path.join(target, 'schema.prisma'), schema)
    console.log(`wrote ${path.relative(process.cwd(), target)}/migration.sql: read it before you commit it`)
  }
} finally {
  await server.close()
  await rm(folder, { recursive: true, force: true })
}
