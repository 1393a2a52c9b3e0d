import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))
type Environment = Readonly<Record<string, string>>

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Serving {
  readonly url: string
  readonly apiKey: string
  readonly pid: number
  /** Sends SIGTERM and waits for the end. */
  stop(): Promise<Finished>
}

/** Without the variables by which the machine of the tests would change where the command looks. */
function start(
  args: readonly string[],
  environment: Environment,
): { child: ChildProcess; finished: Promise<Finished> } {
  const { DATABASE_URL: _d, REDIS_URL: _r, ESPALIER_URL: _u, ESPALIER_API_KEY: _k, ...inherited } = process.env
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...inherited, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const finished = once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr }))
  return { child, finished }
}

/** Runs the built `espalier` command to its end. */
export function espalier(args: readonly string[], environment: Environment = {}): Promise<Finished> {
  return start(args, environment).finished
}

/** `espalier serve --json` on a free port, once it is ready. */
export async function serve(dataFolder: string): Promise<Serving> {
  const { child, finished } = start(['serve', '--data', dataFolder, '--port', '0', '--json'], { LOG_LEVEL: 'warn' })
  const line = new Promise<string>((resolve) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
  })
  const ready = await Promise.race([line, finished])
  if (typeof ready !== 'string') throw new Error(`serve ended with ${ready.code}: ${ready.stderr}`)
  return {
    ...(JSON.parse(ready) as { url: string; apiKey: string; pid: number }),
    stop() {
      child.kill('SIGTERM')
      return finished
    },
  }
}
