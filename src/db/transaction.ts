import type { Database } from './database.js'
import type { Prisma } from './generated/client.js'

/** The client inside of a transaction. */
export type Transaction = Prisma.TransactionClient

/** When the transaction began, by the clock of the database: the machines of a fleet do not agree on the time. */
export async function databaseTime(tx: Transaction | Database['prisma']): Promise<Date> {
  const [row] = await tx.$queryRaw<{ now: Date }[]>`select now() as now`
  if (!row) throw new Error('select now() gave no row')
  return row.now
}
