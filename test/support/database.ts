import { afterAll, beforeAll } from 'vitest'
import { type Database, makeDatabase } from '../../src/db/database.js'
import { seed } from './jobs.js'
import { startTestDatabase } from './postgres.js'

export interface TestScene {
  readonly connectionString: string
  readonly db: Database
  readonly projectId: string
  readonly datasetId: string
}

/** A migrated database of the test file's own, with the default project and a dataset; to be called at its top, read within tests. */
export function useDatabase(): () => TestScene {
  let scene: TestScene | null = null
  let close = async () => {}
  beforeAll(async () => {
    const server = await startTestDatabase()
    const db = makeDatabase(server.connectionString)
    close = async () => {
      await db.close()
      await server.close()
    }
    scene = { connectionString: server.connectionString, db, ...(await seed(db)) }
  })
  afterAll(() => close())
  return () => {
    if (!scene) throw new Error('the database is there within tests only')
    return scene
  }
}
