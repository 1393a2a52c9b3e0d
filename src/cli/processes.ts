import type { Command } from 'commander'
import { type Config, ConfigError, loadConfig } from '../config.js'
import { makeApiKeys } from '../db/api-keys.js'
import type { Log } from '../workers/log.js'
import { type Closers, makeClosers } from './closers.js'
import { announceService, ensureApiKey, ensureDataFolder } from './data-folder.js'
import { makeLog } from './logger.js'
import { dataOption, portOption } from './options.js'
import { checkPort } from './port.js'
import { connectParts, type Parts, runApi, runRelay, runWorker } from './service.js'
import { shutdownSignal } from './signals.js'
import { apiKeyFile } from './target.js'

export function addApi(program: Command): void {
  program
    .command('api')
    .description('run the HTTP interface alone; needs DATABASE_URL')
    .addOption(portOption())
    .option('--host <address>', 'address to listen on (HOST)')
    .addOption(dataOption())
    .action(async (flags: { port?: number; host?: string; data?: string }) => {
      const config = loadConfig(undefined, { port: flags.port, host: flags.host, dataFolder: flags.data })
      await ensureDataFolder(config.dataFolder)
      await checkPort(config)
      await runUntilSignal(config, async (parts, log, closers) => {
        const { key, created } = await ensureApiKey(config.dataFolder, makeApiKeys(parts.database))
        const kept = `kept in ${apiKeyFile(config.dataFolder)}`
        process.stdout.write(created ? `API key: ${key} (shown once, ${kept})\n` : `API key: ${kept}\n`)
        const { url } = await runApi(config, parts, closers)
        closers.add(await announceService(config.dataFolder, { url, pid: process.pid }))
        log.info({ url }, 'api ready')
      })
    })
}

export function addWorker(program: Command): void {
  program
    .command('worker')
    .description('run a worker alone; needs DATABASE_URL and the object store that the api uses')
    .addOption(dataOption())
    .action(async (flags: { data?: string }) => {
      const config = loadConfig(undefined, { dataFolder: flags.data })
      await ensureDataFolder(config.dataFolder)
      await runUntilSignal(config, (parts, log, closers) => runWorker(config, parts, log, closers))
    })
}

async function runUntilSignal(
  config: Config,
  start: (parts: Parts, log: Log, closers: Closers) => Promise<void>,
): Promise<void> {
  if (config.databaseUrl === null)
    throw new ConfigError(['DATABASE_URL is needed (`espalier serve` brings a PostgreSQL of its own)'])
  const asked = shutdownSignal()
  const log = makeLog(config.logLevel)
  const closers = makeClosers()
  try {
    const parts = await connectParts(config, config.databaseUrl, log, closers)
    runRelay(parts, log, closers)
    await start(parts, log, closers)
    await asked
  } finally {
    await closers.close()
  }
}
