import { type ChildProcess, fork } from 'node:child_process'
import type { Readable } from 'node:stream'
import { childEntry } from './child-entry.js'
import { withoutPaths } from './last-words.js'
import type { FromTrainer, ToTrainer } from './protocol.js'

export interface TrainerProcess {
  readonly pid: number | undefined
  readonly output: Readable[]
  send(message: ToTrainer): void
  kill(): void
  onMessage(listener: (message: FromTrainer) => void): void
  /**
   * Resolves, with how it ended, when the process is gone and its last message was read: the event `close` comes after the end
   * of the channel, `exit` may come before.
   */
  readonly ended: Promise<string>
}

/** Structured clones on the channel, because JSON would turn NaN into null. */
export function forkTrainer(): TrainerProcess {
  const child = fork(childEntry('trainer'), {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  return {
    pid: child.pid,
    output: [child.stdout, child.stderr].filter((stream) => stream !== null),
    send(message) {
      // A trainer that has just died cannot be told anything: `ended` says so.
      if (child.connected) child.send(message, () => undefined)
    },
    kill: () => void child.kill('SIGKILL'),
    onMessage: (listener) => void child.on('message', (message) => listener(message as FromTrainer)), // sent by trainer.ts only
    ended: endOf(child),
  }
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`the trainer could not be started: ${withoutPaths(error.message)}`))
    child.once('close', (code, signal) =>
      resolve(signal ? `the trainer was killed by ${signal}` : `the trainer ended with code ${code}`),
    )
  })
}
