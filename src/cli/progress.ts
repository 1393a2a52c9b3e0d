import { Presets, SingleBar } from 'cli-progress'
import type { JobEvent } from '../contracts/event.js'
import type { JobProgress } from '../contracts/training-job.js'
import type { JobListener } from './client.js'
import { percent } from './table.js'

export interface ProgressDisplay extends JobListener {
  /** Leaves what is shown where it is; later output starts on a line of its own. */
  end(): void
}

const PLAIN_INTERVAL_MS = 2000

/** A bar on a terminal; elsewhere a plain line for each event and, every two seconds, one for where the job stands. */
export function showProgress(title: string, stream: NodeJS.WriteStream = process.stderr): ProgressDisplay {
  return stream.isTTY ? bar(title, stream) : plainLines(title, stream)
}

function bar(title: string, stream: NodeJS.WriteStream): ProgressDisplay {
  const shown = new SingleBar(
    { format: `${title} {bar} {value}/{total} {what}`, hideCursor: true, stream, linewrap: true },
    Presets.shades_classic,
  )
  let started = false
  const start = (steps: number) => {
    if (!started) shown.start(steps, 0, { what: '' })
    started = true
  }
  return {
    event(event) {
      const text = describe(event)
      if (started && text !== null) shown.update({ what: text })
    },
    progress(progress) {
      start(progress.steps)
      shown.update(progress.step, { what: figures(progress) })
    },
    reconnecting: () => started && shown.update({ what: 'connection lost, trying again' }),
    end() {
      if (started) shown.stop()
    },
  }
}

function plainLines(title: string, stream: NodeJS.WriteStream): ProgressDisplay {
  let writtenAt = 0
  let pending: JobProgress | null = null
  const write = (progress: JobProgress) => {
    stream.write(`${title} ${progress.step}/${progress.steps} ${figures(progress)}\n`)
    pending = null
  }
  return {
    event(event) {
      const text = describe(event)
      if (text !== null) stream.write(`${title} ${text}\n`)
    },
    progress(progress) {
      pending = progress
      if (Date.now() - writtenAt < PLAIN_INTERVAL_MS) return
      writtenAt = Date.now()
      write(progress)
    },
    reconnecting: () => void stream.write(`${title} connection lost, trying again\n`),
    end() {
      if (pending) write(pending)
    },
  }
}

/** loss, accuracy, norm of the gradient, share of clipped steps, sparsity, time left. */
export function figures(progress: JobProgress): string {
  const { accuracy, etaSeconds } = progress
  return [
    `loss ${progress.loss.toFixed(4)}`,
    ...(accuracy === null ? [] : [`accuracy ${percent(accuracy, 1)}`]),
    `gradient norm ${progress.gradientNorm.toFixed(3)}`,
    `clipped ${percent(progress.clippedStepShare, 1)}`,
    `sparsity ${percent(progress.sparsity, 1)}`,
    `ETA ${etaSeconds === null ? '?' : `${Math.ceil(etaSeconds)} s`}`,
  ].join('  ')
}

/** Null for the events that come by the dozen. */
function describe(event: JobEvent): string | null {
  switch (event.type) {
    case 'pruning.updated':
    case 'checkpoint.saved':
      return null
    case 'attempt.started':
      return `attempt ${event.attempt} started`
    case 'attempt.interrupted':
      return `attempt ${event.attempt} interrupted: ${String(event.data.reason)}`
    case 'job.failed':
      return `failed: ${String(event.data.message)} (${String(event.data.code)})`
    default:
      return event.type.replace(/^job\./, '').replace('.', ' ')
  }
}
