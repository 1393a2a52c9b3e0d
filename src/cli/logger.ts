import pino from 'pino'
import type { LogLevel } from '../config.js'
import type { Log } from '../workers/log.js'

/** JSON lines on stderr; stdout belongs to what a command answers. */
export function makeLog(level: LogLevel): Log {
  return pino({ level }, pino.destination({ dest: 2, sync: true }))
}
