import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { ConfigError } from '../config.js'
import { type Client, makeClient } from './client.js'

/** Written by a running `espalier serve` into its data folder, next to `api-key`. */
export interface RunningService {
  readonly url: string
  readonly pid: number
}

export interface TargetFlags {
  readonly url?: string | undefined
  readonly apiKey?: string | undefined
}

export const serviceFile = (dataFolder: string) => path.join(dataFolder, 'service.json')
export const apiKeyFile = (dataFolder: string) => path.join(dataFolder, 'api-key')

/**
 * The service to talk to: flags, else the environment, else what the service that runs on the data folder has left there.
 * @throws ConfigError that says how to name one
 */
export async function connect(
  flags: TargetFlags,
  config: {
    readonly dataFolder: string
    readonly client: { readonly url: string | null; readonly apiKey: string | null }
  },
): Promise<Client> {
  const url = flags.url ?? config.client.url ?? (await runningService(config.dataFolder))?.url
  const apiKey = flags.apiKey ?? config.client.apiKey ?? (await readIfThere(apiKeyFile(config.dataFolder)))?.trim()
  const problems: string[] = []
  if (!url)
    problems.push(
      `no service: start one with \`espalier serve\` (none runs on ${config.dataFolder}), or give --url or ESPALIER_URL`,
    )
  if (!apiKey) problems.push('no API key: give --api-key or ESPALIER_API_KEY, or --data with the folder of the service')
  if (!url || !apiKey) throw new ConfigError(problems)
  return makeClient({ url, apiKey })
}

export async function runningService(dataFolder: string): Promise<RunningService | null> {
  const text = await readIfThere(serviceFile(dataFolder))
  return text === null ? null : (JSON.parse(text) as RunningService) // written by service.ts
}

export async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
