import { tmpdir } from 'node:os'
import { stringify } from 'yaml'
import { makeDatabase } from '../db/database.js'
import { makeFileSystemStore } from '../storage/file-system-store.js'
import { buildApp } from './app.js'

const HEADER = '# Generated from the schemas of the routes by `npm run openapi`; do not edit.\n'

/** The contract as YAML. The app is built but asked nothing, so no database has to be there: connections are made at the first query. */
export async function describeApi(): Promise<string> {
  const database = makeDatabase('postgresql://localhost/none')
  const app = await buildApp({ database, store: makeFileSystemStore(tmpdir()), queue: { ping: async () => {} } })
  try {
    await app.ready()
    // Through JSON, as clients get it: what JSON leaves out is no part of the contract.
    const document: unknown = JSON.parse(JSON.stringify(app.swagger()))
    return HEADER + stringify(document, { lineWidth: 120, aliasDuplicateObjects: false })
  } finally {
    await app.close()
    await database.close()
  }
}
