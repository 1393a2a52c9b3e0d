import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from './generated/client.js'

export interface Database {
  readonly prisma: PrismaClient
  close(): Promise<void>
}

/** Of one query and one connection: a server behind a cut cable answers nothing, and does not say so. */
const LIMITS = { query_timeout: 25_000, connectionTimeoutMillis: 10_000 } as const

/** Connects at the first query; `connections` bounds the pool of this process. */
export function makeDatabase(connectionString: string, connections = 10): Database {
  const prisma = new PrismaClient({
    adapter: new PrismaPg({ connectionString, max: connections, keepAlive: true, ...LIMITS }),
    transactionOptions: { maxWait: 15_000, timeout: 30_000 },
  })
  return { prisma, close: () => prisma.$disconnect() }
}
