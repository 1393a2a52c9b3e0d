import path from 'node:path'
import { expect, it } from 'vitest'
import { ConfigError, loadConfig, queueConfig } from '../../src/config.js'

const problemsOf = (environment: Record<string, string>): readonly string[] => {
  try {
    loadConfig(environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

it('has a default for everything', () => {
  const config = loadConfig({})
  expect(config).toMatchObject({ databaseUrl: null, redisUrl: null, host: '127.0.0.1', port: 8080, logLevel: 'info' })
  expect(config.dataFolder).toBe(path.resolve('.espalier'))
  expect(config.storage).toEqual({ kind: 'file-system', folder: path.resolve('.espalier/objects') })
  expect(config.worker).toMatchObject({ trainers: 1, leaseMs: 30_000, graceMs: 20_000 })
  expect(loadConfig({}).worker.id).not.toBe(config.worker.id)
})

it('takes what is set, and the command line before the environment', () => {
  const config = loadConfig(
    {
      PORT: '9000',
      LOG_LEVEL: 'debug',
      ESPALIER_DATA: '/a',
      REDIS_URL: 'redis://r:1',
      ESPALIER_TRAINERS: '2',
      HOST: '',
    },
    { port: 0, dataFolder: '/b' },
  )
  expect(config).toMatchObject({
    port: 0,
    logLevel: 'debug',
    dataFolder: '/b',
    redisUrl: 'redis://r:1',
    host: '127.0.0.1',
  })
  expect(config.worker.trainers).toBe(2)
})

it('names every problem at once, and no secret', () => {
  const problems = problemsOf({
    PORT: '80x',
    LOG_LEVEL: 'loud',
    DATABASE_URL: 'mysql://user:secret@host/db',
    REDIS_URL: 'secret',
    ESPALIER_LEASE_MS: '1.5',
    ESPALIER_TRAINERS: '0',
  })
  const names = ['DATABASE_URL', 'REDIS_URL', 'PORT', 'LOG_LEVEL', 'ESPALIER_TRAINERS', 'ESPALIER_LEASE_MS']
  expect(problems.map((problem) => problem.split(' ')[0])).toEqual(names)
  expect(problems.join()).not.toContain('secret')
})

it.each(['-1', '65536', '1e3', '0x10', 'NaN', ' '])('judges the port %j', (PORT) => {
  expect(problemsOf({ PORT })).toHaveLength(PORT === ' ' ? 0 : 1)
})

it('puts the queue into Redis only when it has an address', () => {
  expect(queueConfig({ redisUrl: null }, 'postgresql://d')).toEqual({
    kind: 'postgres',
    connectionString: 'postgresql://d',
  })
  expect(queueConfig({ redisUrl: 'redis://r' }, 'postgresql://d')).toEqual({ kind: 'redis', url: 'redis://r' })
})
