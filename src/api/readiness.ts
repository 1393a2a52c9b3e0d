import type { AppContext } from './context.js'

export interface PartCheck {
  readonly name: 'database' | 'queue' | 'store'
  readonly ok: boolean
}

const LIMIT_MS = 3_000

/** Asks every part something small; one that does not answer within 3 s is out of reach. */
export async function checkParts({
  database,
  queue,
  store,
}: Pick<AppContext, 'database' | 'queue' | 'store'>): Promise<PartCheck[]> {
  const check = async (name: PartCheck['name'], ask: () => Promise<unknown>) => ({ name, ok: await answers(ask) })
  return Promise.all([
    check('database', () => database.prisma.$queryRaw`select 1`),
    check('queue', () => queue.ping()),
    check('store', () => store.size('readiness')),
  ])
}

async function answers(ask: () => Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, LIMIT_MS, false)
  })
  const asked = ask().then(
    () => true,
    () => false,
  )
  return Promise.race([asked, late]).finally(() => clearTimeout(timer))
}
