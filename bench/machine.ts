import os from 'node:os'
import type { EngineInfo } from '../src/ml/engine/info.js'

/** Where figures were taken, for the file that `--json` writes. */
export function machineOf(engine: EngineInfo | null) {
  return { cpu: os.cpus()[0]?.model ?? 'unknown', cores: os.availableParallelism(), node: process.version, engine }
}
