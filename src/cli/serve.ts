import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { loadConfig } from '../config.js'
import { makeLog } from './logger.js'
import { dataOption, portOption } from './options.js'
import { startService } from './service.js'
import { shutdownSignal } from './signals.js'
import { apiKeyFile } from './target.js'

interface ServeFlags {
  readonly data?: string
  readonly port?: number
  readonly host?: string
  readonly json?: true
}

const CLOSING_MS = 5000

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('run everything in one process: PostgreSQL, api and worker, with their data in one folder')
    .addOption(dataOption())
    .addOption(portOption())
    .option('--host <address>', 'address to listen on (HOST; default 127.0.0.1)')
    .option('--json', 'print one JSON line {url, apiKey, pid} once ready')
    .action(serve)
}

async function serve(flags: ServeFlags): Promise<void> {
  const config = loadConfig(undefined, { dataFolder: flags.data, host: flags.host, port: flags.port })
  const asked = shutdownSignal()
  const service = await startService(config, makeLog(config.logLevel))
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ url: service.url, apiKey: service.apiKey.key, pid: process.pid })}\n`)
  } else {
    const kept = `kept in ${apiKeyFile(config.dataFolder)}`
    const lines = [
      `Espalier is ready: ${service.url}`,
      `Swagger UI:        ${service.url}/docs`,
      service.apiKey.created
        ? `API key:           ${service.apiKey.key} (shown once, ${kept})`
        : `API key:           ${kept}`,
    ]
    process.stdout.write(`${lines.join('\n')}\n`)
  }
  const end = await Promise.race([asked, service.broken.then((reason) => ({ reason }))])
  if (typeof end === 'string') return service.close()
  process.stderr.write(`espalier: ${end.reason}: the service stops\n`)
  // What is closed may wait for the database in vain.
  const limit = sleep(2 * config.worker.graceMs + CLOSING_MS)
  await Promise.race([service.close().catch(() => undefined), limit])
  process.exit(1)
}
