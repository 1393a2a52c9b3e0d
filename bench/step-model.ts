import os from 'node:os'
import { preferIntraOpThreads } from '../src/ml/engine/environment.js'
import type { EngineInfo } from '../src/ml/engine/info.js'
import { intraOpThreads } from '../src/planning/threads.js'
import { compare, type ModelResult } from './compare.js'
import { MODELS } from './models.js'
import { startPeers } from './peers.js'
import { BATCH_SIZE } from './runner.js'

/** What this process tells the one that started it. */
export interface Measured {
  readonly result: ModelResult
  readonly engine: EngineInfo
}

const [key = '', rounds] = process.argv.slice(2)
const model = MODELS[key]
if (!model) throw new RangeError(`'${key}' is none of ${Object.keys(MODELS).join(', ')}`)
// As a trainer does, and before TensorFlow is loaded.
const threads = intraOpThreads(model.model, BATCH_SIZE, os.availableParallelism())
const peers = startPeers(process.cwd()) // npm runs scripts in the folder of package.json
if (threads !== null) preferIntraOpThreads(threads)
const { makeEspalierRunners } = await import('./espalier.js')
const { engineInfo } = await import('../src/ml/engine/info.js')
const runners = makeEspalierRunners()
try {
  const suited = peers.filter(({ suits }) => suits?.(model) ?? true)
  const result = await compare(model, { ...runners, peers: suited, rounds: Number(rounds) })
  const measured: Measured = { result, engine: engineInfo() }
  await new Promise((sent) => process.send?.(measured, sent))
} finally {
  for (const runner of [...Object.values(runners), ...peers]) runner.close()
  process.disconnect()
}
