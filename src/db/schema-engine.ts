import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg'
import pg from 'pg'
import type { MigrationList } from './migrations-folder.js'

/** Prisma's migration engine as WebAssembly: no downloaded binary, and the same code in development and production. */
export interface SchemaEngine {
  /** Applies what is missing, in order, and returns the names. */
  applyMigrations(migrations: MigrationList): Promise<string[]>
  /** SQL that leads from one schema (null: an empty database) to another; empty when they agree. */
  diff(from: string | null, to: string): Promise<string>
  close(): Promise<void>
}

/** The part of the global that is used; TypeScript declares it only together with the DOM. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: Record<string, unknown> } }>
}

const FILTERS = { externalTables: [], externalEnums: [] }
let instantiated: Promise<void> | null = null

/**
 * The package is an ES module around a .wasm file that Node 20 cannot import, so it is instantiated by hand, once a process:
 * the bindings keep the instance in a module variable.
 */
function instantiate(): Promise<void> {
  instantiated ??= (async () => {
    const script = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg')
    const bytes = await readFile(script.replace(/\.js$/, '.wasm'))
    const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': bindings })
    bindings.__wbg_set_wasm(instance.exports)
    const start = instance.exports.__wbindgen_start
    if (typeof start === 'function') start()
  })()
  return instantiated
}

export async function openSchemaEngine(connectionString: string, schema: string): Promise<SchemaEngine> {
  await instantiate()
  // Our own pool, because the engine does not close one that the adapter makes.
  const pool = new pg.Pool({ connectionString, max: 2 })
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(pool))
  const engine = await bindings.SchemaEngine.new({ datamodels: [['schema.prisma', schema]] }, () => {}, adapter)
  const datamodel = (content: string): bindings.DiffTarget => ({
    tag: 'schemaDatamodel',
    files: [{ path: 'schema.prisma', content }],
  })
  return {
    applyMigrations: async (migrationsList) =>
      (await engine.applyMigrations({ migrationsList, filters: FILTERS })).appliedMigrationNames,
    diff: async (from, to) => {
      const { exitCode, stdout } = await engine.diff({
        from: from === null ? { tag: 'empty' } : datamodel(from),
        to: datamodel(to),
        script: true,
        exitCode: true,
        filters: FILTERS,
      })
      return exitCode === 0 ? '' : (stdout ?? '')
    },
    close: () => pool.end(),
  }
}
