import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FileReport, formatReport, runFolder, verdict } from './report.js'

describe('reference values of peer libraries', () => {
  let reports: FileReport[] = []
  beforeAll(async () => {
    reports = await runFolder(import.meta.dirname)
  })

  it('has no mismatch', () => {
    expect(reports.flatMap(({ file, failures }) => failures.map((failure) => ({ file, ...failure })))).toEqual([])
    expect(verdict(reports)).toBeNull()
  })

  it('runs every case that it ran before: a feature that is lost shows here', () => {
    const passed = Object.fromEntries(reports.map((report) => [report.file, report.passed]))
    expect(passed).toEqual({
      'clipping-nonfinite.json': 16,
      'clipping.json': 254,
      'compaction.json': 31,
      'layers.json': 108,
      'losses-metrics.json': 80,
      'masks.json': 200,
      'optimizers.json': 118,
      'pruning-trajectory.json': 0,
      'schedules.json': 61,
      'training-trajectory.json': 4,
    })
  })
})

describe('verdict', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'espalier-reference-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  const clippingFile = (expected: number) =>
    JSON.stringify({
      tolerance: { abs: 0, rel: 1e-6 },
      cases: [
        {
          name: 'three-four',
          input: { grads: [{ shape: [2], data: [3, 4] }] },
          params: { mode: 'global_norm', p: 2, threshold: 1 },
          expected: { expected_exact: { grads: [{ shape: [2], data: [0.6, expected] }], norm: 5, scale: 0.2 } },
        },
      ],
    })

  it('fails for a folder without files, and for one in which nothing ran', async () => {
    expect(verdict(await runFolder(folder))).toBe('the folder has no *.json')
    await writeFile(path.join(folder, 'other.json'), clippingFile(0.8))
    expect(verdict(await runFolder(folder))).toBe('no case ran')
  })

  it('fails on a wrong value and names it', async () => {
    await writeFile(path.join(folder, 'clipping.json'), clippingFile(0.7))
    const reports = await runFolder(folder)
    expect(verdict(reports)).toBe('1 cases failed')
    expect(reports.map(formatReport).join('\n')).toMatch(/FAILED three-four: grads\[0\]\[1\]: 0\.8/)
  })

  it('fails on a file that it cannot read', async () => {
    await writeFile(path.join(folder, 'masks.json'), '{"cases": 1}')
    expect(verdict(await runFolder(folder))).toMatch(/failed$/)
    await rm(path.join(folder, 'masks.json'))
  })

  it('passes on the right one', async () => {
    await writeFile(path.join(folder, 'clipping.json'), clippingFile(0.8))
    expect(verdict(await runFolder(folder))).toBeNull()
  })
})
