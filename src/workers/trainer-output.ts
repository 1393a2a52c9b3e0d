import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Log } from './log.js'

/** What TensorFlow and its libraries print at every start, on every machine: dates with a severity, absl's preamble, hints about the build. */
const NOISE = [
  /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IW] /,
  /^[IW]\d{4} \d\d:\d\d:\d\d/,
  /^WARNING: All log messages before absl::InitializeLog/,
  /^To enable the following instructions:/,
  /^E.*Unable to register cu(FFT|DNN|BLAS) factory/,
]
const REMEMBERED_LINES = 20

export function isEngineNoise(line: string): boolean {
  return NOISE.some((pattern) => pattern.test(line))
}

/** Logs a trainer's output line by line, noise at level debug; `tail()` gives the last lines that were none, for a failure message. */
export function followTrainerOutput(stream: Readable, log: Log, fields: object): { tail(): string } {
  const remembered: string[] = []
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
    if (line.trim() === '') return
    if (isEngineNoise(line)) return log.debug(fields, line)
    remembered.push(line)
    if (remembered.length > REMEMBERED_LINES) remembered.shift()
    log.warn(fields, line)
  })
  return { tail: () => remembered.join('\n') }
}
