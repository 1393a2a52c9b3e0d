import { once } from 'node:events'
import { createServer } from 'node:net'
import { UsageError } from './exit-codes.js'

/** @throws UsageError when the api could not listen there, before anything else is started */
export async function checkPort({ host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  const server = createServer()
  try {
    server.listen({ host, port })
    await once(server, 'listening')
  } catch (error) {
    throw new UsageError(`cannot listen on ${host}:${port}: ${whyNot(error)}`)
  }
  await new Promise((resolve) => server.close(resolve))
}

function whyNot(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null
  if (code === 'EADDRINUSE') return 'the port is in use; choose another with --port, or 0 for any free one'
  if (code === 'EACCES') return 'this user may not use the port; choose another with --port'
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return 'the address is none of this machine; choose another with --host'
  return error instanceof Error ? error.message : String(error)
}
