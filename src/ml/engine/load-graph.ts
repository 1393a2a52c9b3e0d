import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { native } from './binding.js'
import { engineFailure } from './failure.js'

/**
 * Loads the bytes of a `saved_model.pb` into a TensorFlow session. The loader takes a folder, which may go as soon as the graph is in the session.
 * @returns the id of the session
 * @throws ENGINE_FAILED with TensorFlow's text for a graph that it refuses
 */
export function loadGraph(bytes: Uint8Array): number {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'espalier-graph-'))
  try {
    writeFileSync(path.join(folder, 'saved_model.pb'), bytes)
    return native.loadSavedModel(folder, 'serve')
  } catch (cause) {
    throw engineFailure(cause, 'TensorFlow refused the graph')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
