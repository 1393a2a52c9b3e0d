import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { type Client, makeClient, ServiceUnreachableError } from './client.js'
import { UsageError } from './exit-codes.js'

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
 * @throws ServiceUnreachableError when there is none, UsageError
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
  if (!url)
    throw new ServiceUnreachableError(
      `no service on ${config.dataFolder}; start one with \`espalier serve\`, or give --url or ESPALIER_URL`,
    )
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new UsageError(`--url: ${JSON.stringify(url)} is not an address that begins with http:// or https://`)
  if (!apiKey)
    throw new UsageError('no API key: give --api-key or ESPALIER_API_KEY, or --data with the folder of the service')
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
