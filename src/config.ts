import { randomBytes } from 'node:crypto'
import { availableParallelism, hostname } from 'node:os'
import path from 'node:path'
import type { QueueConfig } from './queue/job-queue.js'
import type { StorageConfig } from './storage/object-store.js'

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface Config {
  /** Absolute; `ESPALIER_DATA`, default `.espalier`. */
  readonly dataFolder: string
  /** `DATABASE_URL`; null: start the embedded PostgreSQL in the data folder. */
  readonly databaseUrl: string | null
  /** `REDIS_URL`; null: the queue lies in PostgreSQL. */
  readonly redisUrl: string | null
  /** `HOST`, default 127.0.0.1. */
  readonly host: string
  /** `PORT`, default 8080; 0 takes one that is free. */
  readonly port: number
  /** `LOG_LEVEL`, default info. */
  readonly logLevel: LogLevel
  readonly storage: StorageConfig
  readonly worker: {
    /** `ESPALIER_WORKER_ID`, default host name and a random part. */
    readonly id: string
    /** Jobs at a time; `ESPALIER_TRAINERS`, default 1. */
    readonly trainers: number
    /** Without a heartbeat for so long, a job goes to another worker; `ESPALIER_LEASE_MS`, default 30 s. */
    readonly leaseMs: number
    /** From the request to stop to SIGKILL; `ESPALIER_GRACE_MS`, default 20 s. */
    readonly graceMs: number
  }
  /** For commands that talk to a service: `ESPALIER_URL`, `ESPALIER_API_KEY`; null: look into the data folder. */
  readonly client: { readonly url: string | null; readonly apiKey: string | null }
  /** `ESPALIER_SWEEP_INTERVAL_MS`, default 5 s. */
  readonly sweepIntervalMs: number
  /** `ESPALIER_MAX_UPLOAD_BYTES`, default 512 MiB. */
  readonly maxUploadBytes: number
}

export interface ConfigOverrides {
  readonly dataFolder?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly logLevel?: string | undefined
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  constructor(readonly problems: readonly string[]) {
    super(`the configuration is not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
  }
}

/** A terminal that cannot move its cursor. */
export function isDumbTerminal(environment: Environment = process.env): boolean {
  return environment.TERM === 'dumb'
}

type Environment = Readonly<Record<string, string | undefined>>

/** Reads the environment; overrides (from the command line) win. @throws ConfigError with every problem at once */
export function loadConfig(environment: Environment = process.env, overrides: ConfigOverrides = {}): Config {
  const problems: string[] = []
  const read = makeReader(
    {
      ...environment,
      ...(overrides.dataFolder !== undefined && { ESPALIER_DATA: overrides.dataFolder }),
      ...(overrides.host !== undefined && { HOST: overrides.host }),
      ...(overrides.port !== undefined && { PORT: String(overrides.port) }),
      ...(overrides.logLevel !== undefined && { LOG_LEVEL: overrides.logLevel }),
    },
    problems,
  )
  const dataFolder = path.resolve(read.text('ESPALIER_DATA', '.espalier'))
  const config: Config = {
    dataFolder,
    databaseUrl: read.url('DATABASE_URL', ['postgresql:', 'postgres:']),
    redisUrl: read.url('REDIS_URL', ['redis:', 'rediss:']),
    host: read.text('HOST', '127.0.0.1'),
    port: read.integer('PORT', 8080, 0, 65_535),
    logLevel: read.choice('LOG_LEVEL', LOG_LEVELS, 'info'),
    storage: { kind: 'file-system', folder: path.join(dataFolder, 'objects') },
    worker: {
      id: read.text('ESPALIER_WORKER_ID', `${hostname()}-${randomBytes(4).toString('hex')}`),
      trainers: read.integer('ESPALIER_TRAINERS', 1, 1, availableParallelism() * 8),
      leaseMs: read.integer('ESPALIER_LEASE_MS', 30_000, 1_000, 3_600_000),
      graceMs: read.integer('ESPALIER_GRACE_MS', 20_000, 0, 3_600_000),
    },
    client: {
      url: read.url('ESPALIER_URL', ['http:', 'https:']),
      apiKey: read.text('ESPALIER_API_KEY', '') || null,
    },
    sweepIntervalMs: read.integer('ESPALIER_SWEEP_INTERVAL_MS', 5_000, 100, 3_600_000),
    maxUploadBytes: read.integer('ESPALIER_MAX_UPLOAD_BYTES', 512 * 1024 * 1024, 1_024, 2 ** 40),
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

/** Redis when its address is set, else the database. */
export function queueConfig({ redisUrl }: Pick<Config, 'redisUrl'>, databaseUrl: string): QueueConfig {
  return redisUrl === null ? { kind: 'postgres', connectionString: databaseUrl } : { kind: 'redis', url: redisUrl }
}

/** Each reader gives the default for a variable that is not set or empty, and notes what is wrong with another. */
function makeReader(environment: Environment, problems: string[]) {
  const textOf = (name: string) => environment[name]?.trim() || null

  return {
    text: (name: string, byDefault: string): string => textOf(name) ?? byDefault,
    integer(name: string, byDefault: number, minimum: number, maximum: number): number {
      const text = textOf(name)
      if (text === null) return byDefault
      const value = Number(text)
      if (/^-?\d+$/.test(text) && value >= minimum && value <= maximum) return value
      problems.push(`${name} must be a whole number from ${minimum} to ${maximum}, not ${JSON.stringify(text)}`)
      return byDefault
    },
    choice<T extends string>(name: string, choices: readonly T[], byDefault: T): T {
      const text = textOf(name)
      if (text === null) return byDefault
      const found = choices.find((choice) => choice === text)
      if (found === undefined)
        problems.push(`${name} must be one of ${choices.join(', ')}, not ${JSON.stringify(text)}`)
      return found ?? byDefault
    },
    /** The value itself stays out of the message: addresses hold passwords. */
    url(name: string, protocols: readonly string[]): string | null {
      const text = textOf(name)
      if (text === null) return null
      if (URL.canParse(text) && protocols.includes(new URL(text).protocol)) return text
      problems.push(`${name} must be an address that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`)
      return null
    },
  }
}
