import pg from 'pg'
import { readMigrations, readSchema } from './migrations-folder.js'
import { openSchemaEngine } from './schema-engine.js'

/** Spells ESPA; the same in every version, so that two processes that start together migrate one after the other. */
const LOCK = 0x45535041

/** Brings the database up to date and returns the names of the migrations applied now. Several processes may call it at once. */
export async function migrate(connectionString: string): Promise<string[]> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK])
    const engine = await openSchemaEngine(connectionString, await readSchema())
    try {
      return await engine.applyMigrations(await readMigrations())
    } finally {
      await engine.close()
    }
  } finally {
    await client.end() // Ends the session and with it the lock.
  }
}
