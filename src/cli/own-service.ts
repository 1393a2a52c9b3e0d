import { loadConfig } from '../config.js'
import { type Client, makeClient } from './client.js'
import { say } from './jobs.js'
import { makeLog } from './logger.js'
import { startService } from './service.js'
import { shutdownSignal } from './signals.js'

export interface OwnServiceOptions {
  readonly dataFolder: string
  /** Default: any free one. */
  readonly port?: number | undefined
  /** Jobs at a time; default: as configured. */
  readonly trainers?: number | undefined
  /** Go on serving after the work, until a signal. */
  readonly keep?: boolean | undefined
}

/** A service that was started for one command. */
export interface OwnService {
  readonly url: string
  readonly client: Client
}

/**
 * Starts a service for `work` and closes it afterwards; says on stderr what it does.
 * @throws what `work` throws; Error if a signal comes, or the service cannot go on, before its end
 */
export async function withOwnService<T>(
  { dataFolder, port = 0, trainers, keep }: OwnServiceOptions,
  work: (service: OwnService) => Promise<T>,
): Promise<T> {
  const loaded = loadConfig(undefined, { dataFolder, port })
  const config = {
    ...loaded,
    // Beside progress, the log of a service that does what it should is noise.
    logLevel: loaded.logLevel === 'info' ? 'warn' : loaded.logLevel,
    worker: { ...loaded.worker, trainers: trainers ?? loaded.worker.trainers },
  } as const
  const asked = shutdownSignal()
  say(`starting PostgreSQL, api and worker in ${config.dataFolder}`)
  const { url, apiKey, broken, close } = await startService(config, makeLog(config.logLevel))
  try {
    say(`service ready: ${url}  Swagger UI: ${url}/docs`)
    const failed = broken.then((reason) => Promise.reject(new Error(reason)))
    const stopped = asked.then((signal) => Promise.reject(new Error(`stopped by ${signal}`)))
    const result = await Promise.race([work({ url, client: makeClient({ url, apiKey: apiKey.key }) }), stopped, failed])
    if (keep) {
      say(`\nstill serving at ${url}; stop with Ctrl-C`)
      await Promise.race([asked, failed])
    }
    return result
  } finally {
    await close()
  }
}
