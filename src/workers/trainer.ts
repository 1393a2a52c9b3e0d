import { createHash } from 'node:crypto'
import os from 'node:os'
import { inspect } from 'node:util'
import type { StoredFile } from '../db/claim.js'
import { type ErrorCode, EspalierError } from '../errors.js'
import { FormatError } from '../formats/format-error.js'
import { decodeSafetensors } from '../formats/safetensors.js'
import { preferIntraOpThreads } from '../ml/engine/environment.js'
import type { TrainReport } from '../ml/train.js'
import type { Start as StartOfTraining } from '../ml/training.js'
import { TrainingFailure } from '../ml/training-failure.js'
import { dataShape } from '../planning/planned-spec.js'
import { expandModel } from '../planning/presets.js'
import { readStartingPoint, type StartingPoint } from '../planning/starting-point.js'
import { intraOpThreads } from '../planning/threads.js'
import { makeObjectStore } from '../storage/make-object-store.js'
import { ObjectMissingError, type ObjectStore } from '../storage/object-store.js'
import { withoutPaths } from './last-words.js'
import type { ClosingMessage, FromTrainer, StopReason, ToTrainer } from './protocol.js'
import { storeFault } from './store-fault.js'

type Start = Extract<ToTrainer, { type: 'start' }>

const stopping = new AbortController()
let stopReason: StopReason = 'shutdown'

process.on('message', (message: ToTrainer) => {
  if (message.type === 'stop') stop(message.reason)
  else void runToEnd(message)
})
// The worker is gone: nobody may store what this process would produce, and the sweeper gives the job to another one.
process.on('disconnect', () => process.exit(1))
process.on('SIGTERM', () => stop('shutdown'))
// A terminal sends SIGINT to the whole group; the worker decides what becomes of the job and says so by a message.
process.on('SIGINT', () => undefined)

function stop(reason: StopReason): void {
  if (stopping.signal.aborted) return
  stopReason = reason
  stopping.abort(reason)
}

/** Ends the process: with 0 after the closing message was handed over, with 1 after an error that a further attempt may not meet. */
async function runToEnd(start: Start): Promise<void> {
  try {
    await send(await run(start))
    process.exit(0)
  } catch (error) {
    // All of it for the log, and last the line that the worker tells on.
    const [message = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    process.stderr.write(`${inspect(error)}\n${message}\n`, () => process.exit(1))
  }
}

async function run(start: Start): Promise<ClosingMessage> {
  const store = makeObjectStore(start.storage)
  try {
    const data = decodeSafetensors(await readDataset(store, start.dataset.key)).tensors
    const { resumeFrom } = start
    const resume = resumeFrom && { step: resumeFrom.step, checkpoint: await readCheckpoint(store, resumeFrom) }
    const startingPoint = start.startFrom && (await readStart(store, start.startFrom))
    const execute = await loadEngine(start, startingPoint)
    const outcome = await execute({
      spec: start.spec,
      schema: start.dataset.schema,
      data,
      start: startingPoint,
      resume,
      signal: stopping.signal,
      report: makeReport(store, start.keyPrefix),
    })
    if (outcome.kind === 'stopped') return { type: 'stopped', reason: stopReason, step: outcome.step }
    return { type: 'succeeded', result: outcome.result }
  } catch (error) {
    return failureOf(error, start)
  } finally {
    await store.close()
  }
}

/** Loads TensorFlow; not before a job is there, so that a missing engine becomes its failure and not a crash, and the threads suit it. */
async function loadEngine({ spec: { kind, model, batchSize }, dataset }: Start, startingPoint: StartingPoint | null) {
  const expanded = expandModel(model, dataShape(dataset.schema), startingPoint)
  const threads = intraOpThreads(expanded, batchSize, os.availableParallelism())
  if (threads !== null) preferIntraOpThreads(threads)
  if (kind === 'sensitivity-scan') return (await import('../ml/sensitivity/scan.js')).scan
  return (await import('../ml/train.js')).train
}

/** @throws TrainingFailure DATASET_MISSING: it will not come back by trying again */
function readDataset(store: ObjectStore, key: string): Promise<Uint8Array> {
  return store.get(key).catch((error: unknown) => {
    if (!(error instanceof ObjectMissingError)) throw error
    const hint = 'api and workers must share one object store (ESPALIER_DATA)'
    throw new TrainingFailure('DATASET_MISSING', `The stored data of the dataset are not there: ${hint}`, null)
  })
}

/** @throws TrainingFailure MODEL_INVALID: it will not come back by trying again */
async function readStart(store: ObjectStore, files: NonNullable<Start['startFrom']>): Promise<StartOfTraining> {
  const point =
    'model' in files
      ? { model: files.model }
      : readStartingPoint(await readStored(store, files.report, 'MODEL_INVALID', 'the report of the model'))
  if ('errors' in point) {
    const [{ pointer, detail } = { pointer: '', detail: '' }] = point.errors
    throw new TrainingFailure('MODEL_INVALID', `the report of the model: ${pointer} ${detail}`, null)
  }
  const weights = await readStored(store, files.weights, 'MODEL_INVALID', 'the file of the weights of the model')
  try {
    return { ...point, weights: decodeSafetensors(weights).tensors }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    throw new TrainingFailure('MODEL_INVALID', `the weights of the model: ${error.message}`, null)
  }
}

/** @throws TrainingFailure CHECKPOINT_INVALID when it is not there or not what was stored */
function readCheckpoint(store: ObjectStore, file: StoredFile) {
  return readStored(store, file, 'CHECKPOINT_INVALID', 'the stored checkpoint')
}

/** @throws TrainingFailure of this code when the object is not there or not what was stored; clients read `what` it is, and only the log has its key */
async function readStored(
  store: ObjectStore,
  { key, sha256 }: StoredFile,
  code: ErrorCode,
  what: string,
): Promise<Uint8Array> {
  const bytes = await store.get(key).catch((error: unknown) => {
    if (!(error instanceof ObjectMissingError)) throw error
    process.stderr.write(`${error.message}\n`)
    throw new TrainingFailure(code, `${what} is not there`, null)
  })
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found === sha256) return bytes
  process.stderr.write(`${key} has SHA-256 ${found}, stored was ${sha256}\n`)
  throw new TrainingFailure(code, `${what} is not what was stored: its SHA-256 is another one`, null)
}

/** @throws the error itself when it is not known to be final: the worker then takes it for the death of the trainer and tries again. */
function failureOf(error: unknown, { resumeFrom }: Start): ClosingMessage {
  if (error instanceof TrainingFailure && error.code === 'CHECKPOINT_INVALID' && resumeFrom)
    return { type: 'checkpoint-unusable', step: resumeFrom.step, reason: error.message }
  if (error instanceof TrainingFailure)
    return { type: 'failed', failure: { code: error.code, message: publicMessage(error), step: error.step } }
  if (error instanceof EspalierError && !error.retryable)
    return { type: 'failed', failure: { code: error.code, message: publicMessage(error), step: null } }
  throw error
}

/** TensorFlow says more than a client needs, and where it lies; all of that goes to the log. */
function publicMessage(error: TrainingFailure | EspalierError): string {
  if (!error.code.startsWith('ENGINE_')) return error.message
  process.stderr.write(`${inspect(error)}\n`)
  return withoutPaths(error.message.trim().split('\n', 1)[0] ?? '')
}

function makeReport(store: ObjectStore, keyPrefix: string): TrainReport {
  const put = (what: string, key: string, bytes: Uint8Array) =>
    store.put(key, bytes).catch((error: unknown) => {
      throw storeFault(what, error)
    })
  return {
    started: (pins, steps, parameters) => post({ type: 'started', pins, steps, parameters }),
    progress: (progress) => post({ type: 'progress', progress }),
    metrics: (series) => post({ type: 'metrics', series }),
    event: (event, data) => post({ type: 'event', event, data }),
    report: (kind, step, body) => post({ type: 'report', kind, step, body }),
    async checkpoint(step, bytes) {
      const key = `${keyPrefix}checkpoint-${step}.safetensors`
      const stored = await put(`the checkpoint of step ${step}`, key, bytes)
      await send({ type: 'checkpoint', step, key, ...stored })
    },
    async artifact(name, mediaType, bytes) {
      const key = `${keyPrefix}${name}`
      const stored = await put(`the artifact ${name}`, key, bytes)
      await send({ type: 'artifact', name, mediaType, key, ...stored })
    },
  }
}

/** Messages keep their order; a failed one means that the worker is gone, which `disconnect` handles. */
function post(message: FromTrainer): void {
  send(message).catch(() => undefined)
}

function send(message: FromTrainer): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!process.send) return reject(new Error('the trainer is started by the worker, not by hand'))
    process.send(message, undefined, undefined, (error) => (error ? reject(error) : resolve()))
  })
}
