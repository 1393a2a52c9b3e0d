import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { type Config, loadConfig } from '../config.js'
import { SCOPES, type Scope } from '../contracts/scope.js'
import { makeApiKeys } from '../db/api-keys.js'
import { makeDatabase } from '../db/database.js'
import { ServiceUnreachableError } from './client.js'
import { print } from './jobs.js'
import { dataOption } from './options.js'
import { readIfThere } from './target.js'

interface CreateFlags {
  readonly project: string
  readonly scopes: readonly Scope[]
  readonly data?: string
}

export function addKeys(program: Command): void {
  program
    .command('keys')
    .description('API keys')
    .command('create')
    .description('make an API key and print it; uses DATABASE_URL, else the database of the service that runs')
    .option('--project <name>', 'project of the key, made if there is none of that name', projectName, 'default')
    .option('--scopes <list>', `comma-separated, of ${SCOPES.join(', ')}; default all`, scopeList, [...SCOPES])
    .addOption(dataOption())
    .action(create)
}

async function create({ project, scopes, data }: CreateFlags): Promise<void> {
  const database = makeDatabase(await databaseOf(loadConfig(undefined, { dataFolder: data })))
  try {
    const keys = makeApiKeys(database)
    print(await keys.create(await keys.ensureProject(project), scopes))
  } finally {
    await database.close()
  }
}

/** Of the embedded PostgreSQL, the file that it keeps while it runs names the port in its fourth line. */
async function databaseOf({ databaseUrl, dataFolder }: Config): Promise<string> {
  if (databaseUrl !== null) return databaseUrl
  const port = (await readIfThere(path.join(dataFolder, 'postgres', 'postmaster.pid')))?.split('\n')[3]?.trim()
  if (!port)
    throw new ServiceUnreachableError(
      `no service on ${dataFolder}; start one with \`espalier serve\`, or set DATABASE_URL`,
    )
  const password = (await readFile(path.join(dataFolder, 'postgres.password'), 'utf8')).trim()
  return `postgresql://postgres:${password}@127.0.0.1:${port}/espalier`
}

function projectName(text: string): string {
  if (!/^[\w.-]{1,100}$/.test(text)) throw new InvalidArgumentError('Letters, digits, `_`, `.` and `-` are allowed.')
  return text
}

function scopeList(text: string): Scope[] {
  return text.split(',').map((name) => {
    const scope = SCOPES.find((one) => one === name.trim())
    if (scope === undefined) throw new InvalidArgumentError(`${name} is no scope; there are ${SCOPES.join(', ')}.`)
    return scope
  })
}
