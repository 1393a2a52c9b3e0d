import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from './generated/client.js'

export interface Database {
  readonly prisma: PrismaClient
  close(): Promise<void>
}

/** Connects at the first query; `connections` bounds the pool of this process. */
export function makeDatabase(connectionString: string, connections = 10): Database {
  const prisma = new PrismaClient({
    adapter: new PrismaPg({ connectionString, max: connections }),
    transactionOptions: { maxWait: 15_000, timeout: 30_000 },
  })
  return { prisma, close: () => prisma.$disconnect() }
}
