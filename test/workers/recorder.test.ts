import { expect, it } from 'vitest'
import { type Attempts, StaleAttemptError } from '../../src/db/attempts.js'
import { makeRecorder } from '../../src/workers/recorder.js'
import { emptyReport } from '../support/reports.js'

const REF = { jobId: 'job_1', attempt: 3 }
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const patience = { givenUp: new AbortController().signal, patienceMs: 10_000 }

/** A recorder whose writes are noted by name; `troubles` are what the first writes meet, in turn. */
function open(...troubles: Error[]) {
  const writes: unknown[][] = []
  const failures: Error[] = []
  const noted =
    (name: string) =>
    async (...values: unknown[]) => {
      const trouble = troubles.shift()
      if (trouble) throw trouble
      writes.push([name, ...values])
      return []
    }
  const names = ['saveProgress', 'addMetrics', 'addEvent', 'addCheckpoint', 'addArtifact', 'saveReport'] as const
  // Writes that only take notes: the recorder passes values on and reads the list of superfluous keys.
  const attempts = Object.fromEntries(names.map((name) => [name, noted(name)])) as unknown as Attempts
  const context = { attempts, store: { delete: async () => {} }, log: quiet }
  const recorder = makeRecorder(REF, 3, context, patience, (error) => failures.push(error))
  return { recorder, writes, failures }
}

it('stores a report in the order of the messages', async () => {
  const { recorder, writes, failures } = open()
  const series = [{ name: 'loss', steps: [0], values: [1] }]
  const body = emptyReport(10)
  recorder.record({ type: 'metrics', series })
  recorder.record({ type: 'report', kind: 'clipping', step: 10, body })
  recorder.record({ type: 'checkpoint', step: 10, key: 'k', bytes: 1, sha256: 's' })
  await recorder.drained()
  expect(writes).toEqual([
    ['addMetrics', REF, series],
    ['saveReport', REF, 'clipping', 10, body],
    ['addCheckpoint', REF, { step: 10, key: 'k', bytes: 1, sha256: 's' }, 3],
  ])
  expect(failures).toEqual([])
})

it('tries a report again while the database is away, and fails the record with one that is refused', async () => {
  const away = open(new Error('connect ECONNREFUSED'))
  away.recorder.record({ type: 'report', kind: 'clipping', step: 1, body: emptyReport(1) })
  await away.recorder.drained()
  expect(away.writes).toHaveLength(1)
  const stale = new StaleAttemptError(REF)
  const refused = open(stale)
  refused.recorder.record({ type: 'report', kind: 'clipping', step: 1, body: emptyReport(1) })
  refused.recorder.record({ type: 'metrics', series: [] })
  await refused.recorder.drained()
  expect([refused.writes, refused.failures]).toEqual([[], [stale]])
})
