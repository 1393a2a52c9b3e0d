import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { migrate } from '../../src/db/migrate.js'
import { readMigratedSchema, readMigrations, readSchema } from '../../src/db/migrations-folder.js'
import { openSchemaEngine, type SchemaEngine } from '../../src/db/schema-engine.js'
import { startTestDatabase, type TestDatabase } from '../support/postgres.js'

let test: TestDatabase
let engine: SchemaEngine
beforeAll(async () => {
  test = await startTestDatabase()
  engine = await openSchemaEngine(test.connectionString, await readSchema())
})
afterAll(async () => {
  await engine.close()
  await test.close()
})

/** What a database holds, as text that two databases with the same tables have in common. */
async function describeDatabase(connectionString: string): Promise<string[]> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    const { rows } = await client.query<{ line: string }>(`
      select format('column %s.%s %s %s %s', table_name, column_name, udt_name, is_nullable, column_default) as line
        from information_schema.columns where table_schema = 'public'
      union all select format('index %s', indexdef) from pg_indexes where schemaname = 'public'
      union all select format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid))
        from pg_constraint where connamespace = 'public'::regnamespace
      union all select format('enum %s %s', enumtypid::regtype, enumlabel) from pg_enum
      order by line`)
    return rows.map((row) => row.line).filter((line) => !line.includes('_prisma_migrations'))
  } finally {
    await client.end()
  }
}

async function run(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: test.connectionString })
  await client.connect()
  await client.query(sql).finally(() => client.end())
}

it('has a migration for every change of the schema (if not: node scripts/make-migration.mjs NAME)', async () => {
  expect(await engine.diff(await readMigratedSchema(), await readSchema())).toBe('')
})

it('makes by its migrations exactly the tables that the schema describes', async () => {
  const migrated = await describeDatabase(test.connectionString)
  await run('drop schema public cascade')
  await run(await engine.diff(null, await readSchema()))
  const described = await describeDatabase(test.connectionString)
  expect(described.length).toBeGreaterThan(50)
  expect(migrated).toEqual(described)
})

it('applies each migration once, whoever else starts at the same time', async () => {
  await run('drop schema public cascade; create schema public')
  const applied = await Promise.all(Array.from({ length: 3 }, () => migrate(test.connectionString)))
  const names = (await readMigrations()).migrationDirectories.map((migration) => migration.path)
  expect(names.length).toBeGreaterThan(0)
  expect(applied.flat()).toEqual(names)
  expect(await migrate(test.connectionString)).toEqual([])
})
