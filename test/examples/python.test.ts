import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DatasetSchema } from '../../src/contracts/dataset.js'
import type { JobResult } from '../../src/contracts/training-job.js'
import { loadBuiltin } from '../../src/datasets/builtin.js'
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from '../../src/formats/safetensors.js'
import { train } from '../../src/ml/train.js'
import { optionsFor, recorder } from '../ml/fixtures.js'
import { specOf } from '../planning/fixtures.js'

const TRAIN_ROWS = 600
const TEST_ROWS = 200

const missing = ['numpy', 'safetensors'].filter((name) => spawnSync('python3', ['-c', `import ${name}`]).status !== 0)

describe('the Python examples', () => {
  let folder = ''
  let artifacts: ReadonlyMap<string, Uint8Array> = new Map()
  let result: JobResult | null = null
  const at = (name: string) => path.join(folder, name)
  const python = (script: string, ...args: string[]) => {
    const done = spawnSync('python3', [`examples/${script}`, ...args], { encoding: 'utf8' })
    return { code: done.status, stdout: done.stdout, stderr: done.stderr }
  }
  const artifact = (name: string) => {
    const bytes = artifacts.get(name)
    if (!bytes) throw new Error(`no artifact ${name}`)
    return bytes
  }

  // Skipped with the tests below it.
  beforeAll(async () => {
    if (missing.length > 0) return
    folder = mkdtempSync(path.join(tmpdir(), 'espalier-examples-'))
    const { schema, tensors } = await loadBuiltin('mnist')
    const part = (name: string, rows: number) => firstRows(tensors[name], rows)
    const test = { features: part('test.features', TEST_ROWS), labels: part('test.labels', TEST_ROWS) }
    writeFileSync(at('t10k-images-idx3-ubyte'), idx([TEST_ROWS, 28, 28], test.features.values))
    writeFileSync(at('t10k-labels-idx1-ubyte'), idx([TEST_ROWS], test.labels.values))

    const recorded = recorder()
    const small: DatasetSchema = { ...schema, trainRows: TRAIN_ROWS, testRows: TEST_ROWS }
    const outcome = await train(
      optionsFor(recorded, {
        spec: specOf({
          optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0.9 },
          epochs: 4,
          batchSize: 50,
          pruning: { scope: 'global', schedule: { kind: 'one-shot', finalSparsity: 0.8, beginStep: 20 } },
          exports: ['safetensors', 'sparse'],
          engine: { xla: 'never' },
        }),
        schema: small,
        data: {
          'train.features': part('train.features', TRAIN_ROWS),
          'train.labels': part('train.labels', TRAIN_ROWS),
          'test.features': test.features,
          'test.labels': test.labels,
        },
      }),
    )
    if (outcome.kind !== 'succeeded') throw new Error('the training stopped')
    result = outcome.result
    artifacts = recorded.artifacts
    for (const [name, bytes] of artifacts) writeFileSync(at(name), bytes)
  })
  afterAll(() => {
    if (folder !== '') rmSync(folder, { recursive: true, force: true })
  })

  const withPackages = (name: string, work: () => void) =>
    it(name, ({ skip }) => {
      skip(missing.length > 0, `python3 lacks ${missing.join(' and ')}: pip install ${missing.join(' ')}`)
      work()
    })

  withPackages('read_safetensors.py computes the accuracy of the report', () => {
    const accuracy = result?.test?.accuracy ?? 0
    expect(accuracy).toBeGreaterThan(0.5) // ten digits: chance is 0.1
    const { code, stdout, stderr } = python('read_safetensors.py', at('weights.safetensors'), at('report.json'), folder)
    expect(stderr).toBe('')
    expect(stdout).toContain(`in the report ${accuracy.toFixed(4)}`)
    expect(stdout).toContain('80.00% of the kernels are zero')
    expect(code).toBe(0)
  })

  withPackages('read_safetensors.py finds out when the accuracy is another', () => {
    const report = JSON.parse(new TextDecoder().decode(artifact('report.json')))
    report.result.test.accuracy -= 0.02 // 4 of 200 images
    writeFileSync(at('wrong-report.json'), JSON.stringify(report))
    const { code } = python('read_safetensors.py', at('weights.safetensors'), at('wrong-report.json'), folder)
    expect(code).toBe(1)
  })

  withPackages('read_sparse.py reads the weights of the dense file', () => {
    const { code, stdout, stderr } = python('read_sparse.py', at('weights.sparse'), at('weights.safetensors'))
    expect(stderr).toBe('')
    expect(stdout).toBe('6 tensors, 266,610 numbers, equal\n')
    expect(code).toBe(0)
    expect(artifact('weights.sparse').byteLength).toBeLessThan(artifact('weights.safetensors').byteLength / 3)
  })

  withPackages('read_sparse.py finds out when one weight is another', () => {
    const { tensors } = decodeSafetensors(artifact('weights.safetensors'))
    const bias = tensors['dense-1/bias']
    if (!bias) throw new Error('no bias')
    const changed = Float32Array.from(bias.values)
    changed[7] = (changed[7] ?? 0) + 1
    writeFileSync(
      at('other.safetensors'),
      encodeSafetensors({ ...tensors, 'dense-1/bias': { type: 'float32', shape: bias.shape, values: changed } }),
    )
    const { code, stdout } = python('read_sparse.py', at('weights.sparse'), at('other.safetensors'))
    expect(stdout).toContain('NOT equal')
    expect(code).toBe(1)
  })
})

function firstRows(tensor: StoredTensor | undefined, rows: number): StoredTensor {
  if (!tensor) throw new Error('no such tensor')
  const shape = [rows, ...tensor.shape.slice(1)]
  return {
    ...tensor,
    shape,
    values: tensor.values.slice(
      0,
      shape.reduce((a, b) => a * b, 1),
    ),
  }
}

/** IDX: two zero bytes, type 8 (uint8), rank, extents as big-endian int32, values. */
function idx(shape: readonly number[], values: ArrayLike<number>): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length))
  header.setUint8(2, 8)
  header.setUint8(3, shape.length)
  for (const [axis, extent] of shape.entries()) header.setInt32(4 + 4 * axis, extent)
  return Uint8Array.from([...new Uint8Array(header.buffer), ...Array.from(values)])
}
