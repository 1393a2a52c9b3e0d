import { clearLine, cursorTo } from 'node:readline'
import { SingleBar } from 'cli-progress'
import { isDumbTerminal } from '../config.js'
import { type JobEvent, TERMINAL_EVENTS } from '../contracts/event.js'
import type { JobProgress } from '../contracts/training-job.js'
import type { JobListener } from './client.js'
import { figures, makeProgressLine, shortTitle } from './figures.js'

export interface ProgressDisplay extends JobListener {
  /** Leaves what is shown where it is; later output starts on a line of its own. */
  end(): void
}

const PLAIN_INTERVAL_MS = 2000
const USUAL_WIDTH = 80

/**
 * A bar on a terminal, with the events above it; elsewhere, and on a terminal without a cursor, a plain line for each event
 * and, every two seconds, one for where the job stands. How a job ends is for the caller to say.
 */
export function showProgress(
  title: string,
  stream: NodeJS.WriteStream = process.stderr,
  isDumb = isDumbTerminal(),
): ProgressDisplay {
  return stream.isTTY && !isDumb ? bar(title, stream) : plainLines(title, stream)
}

function bar(title: string, stream: NodeJS.WriteStream): ProgressDisplay {
  // The last column stays free: some terminals go on to the next line as soon as it is written.
  const line = makeProgressLine(shortTitle(title))
  const draw = (progress: JobProgress) => line(progress, (stream.columns || USUAL_WIDTH) - 1)
  let latest: JobProgress | null = null
  const shown = new SingleBar({
    fps: 5,
    // What is written above pushes the line away without the bar's knowledge.
    forceRedraw: true,
    format: () => (latest ? draw(latest) : ''),
    hideCursor: true,
    stream,
    linewrap: true,
  })
  const above = (text: string) => {
    if (latest) {
      cursorTo(stream, 0)
      clearLine(stream, 0)
    }
    stream.write(`${title} ${text}\n`)
    if (latest) shown.render()
  }
  const told = makeOnce(() => above(LOST))
  return {
    event(event) {
      told.reset()
      const text = describe(event)
      if (text !== null) above(text)
    },
    progress(progress) {
      told.reset()
      const isFirst = latest === null
      latest = progress
      if (isFirst) shown.start(progress.steps, progress.step)
      else shown.update(progress.step)
    },
    reconnecting: told.tell,
    end() {
      if (latest) shown.stop()
    },
  }
}

function plainLines(title: string, stream: NodeJS.WriteStream): ProgressDisplay {
  let writtenAt = 0
  let pending: JobProgress | null = null
  const flush = () => {
    if (pending) stream.write(`${title} ${pending.step}/${pending.steps} ${figures(pending)}\n`)
    pending = null
  }
  const told = makeOnce(() => stream.write(`${title} ${LOST}\n`))
  return {
    event(event) {
      told.reset()
      const text = describe(event)
      if (text === null) return
      flush()
      stream.write(`${title} ${text}\n`)
    },
    progress(progress) {
      told.reset()
      pending = progress
      if (Date.now() - writtenAt < PLAIN_INTERVAL_MS) return
      writtenAt = Date.now()
      flush()
    },
    reconnecting: told.tell,
    end: flush,
  }
}

const LOST = 'connection lost, trying again'

/** One line for a connection that is away, however often it is tried again. */
function makeOnce(say: () => void): { tell(): void; reset(): void } {
  let said = false
  return {
    tell() {
      if (!said) say()
      said = true
    },
    reset() {
      said = false
    },
  }
}

/** Null for the events that come by the dozen, and for the end. */
function describe(event: JobEvent): string | null {
  if (TERMINAL_EVENTS.includes(event.type)) return null
  switch (event.type) {
    case 'pruning.updated':
    case 'checkpoint.saved':
      return null
    case 'attempt.started':
      return `attempt ${event.attempt} started`
    case 'attempt.interrupted':
      return `attempt ${event.attempt} interrupted: ${String(event.data.reason)}`
    default:
      return event.type.replace(/^job\./, '').replace('.', ' ')
  }
}
