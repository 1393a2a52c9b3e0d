import pino from 'pino'
import type { LogLevel } from '../config.js'
import type { Log } from '../workers/log.js'

/** JSON lines on stderr; stdout belongs to what a command answers. */
export function makeLog(level: LogLevel): Log {
  return pino({ level, serializers: { err: essence } }, pino.destination({ dest: 2, sync: true }))
}

/** The clients of databases hang whole connections on their errors. */
function essence(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const code = 'code' in error ? { code: error.code } : {}
  return { type: error.name, message: error.message, ...code, stack: error.stack }
}
