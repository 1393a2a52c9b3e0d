import { execFile } from 'node:child_process'
import type { engineInfo } from '../ml/engine/info.js'
import { childEntry } from './child-entry.js'
import { isEngineNoise } from './trainer-output.js'

export type EngineInfo = ReturnType<typeof engineInfo>
export type EngineCheck =
  | { readonly ok: true; readonly info: EngineInfo }
  | { readonly ok: false; readonly message: string }

const REMEDY = '`npm run setup`'
const PROBE_TIMEOUT_MS = 120_000

/** Loads TensorFlow in a child process, so that the caller neither carries it nor goes down with it. */
export function checkEngine(): Promise<EngineCheck> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [childEntry('engine-probe')],
      { timeout: PROBE_TIMEOUT_MS, killSignal: 'SIGKILL' },
      (error, stdout, stderr) => {
        if (!error) return resolve({ ok: true, info: JSON.parse(lastLine(stdout)) as EngineInfo }) // printed by engine-probe.ts
        const message = error.killed ? `TensorFlow did not load within ${PROBE_TIMEOUT_MS / 1000} s` : reason(stderr)
        resolve({ ok: false, message: withRemedy(message || error.message) })
      },
    )
  })
}

function withRemedy(message: string): string {
  return message.includes(REMEDY) ? message : `${message} Run ${REMEDY} to install the engine.`
}

/** The line of an uncaught error that carries its message: `EspalierError: …`, `Error: …`. */
function reason(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !isEngineNoise(line))
  const named = lines.find((line) => /^\w*Error\b.*?: /.test(line))
  const text = (named ?? lines[0] ?? '').replace(/^\w*Error\b.*?: /, '').trim()
  return text === '' || text.endsWith('.') ? text : `${text}.`
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? ''
}
