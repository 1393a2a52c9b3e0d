import { describe, expect, it } from 'vitest'
import { demoTable, machineReadable } from '../../src/cli/demo-report.js'
import { jobResult } from './job-result.js'

const run = {
  dense: jobResult({ test: { accuracy: 0.9851 }, sparsity: 0, clippedStepShare: 0.25, msPerStep: 2 }),
  pruned: jobResult(),
  jobSeconds: 31.26,
  files: ['/data/weights.safetensors', '/data/report.json'],
}

describe('the demo as JSON', () => {
  it('has these keys, of the pruned job but for the accuracy of the dense one', () => {
    expect(machineReadable(run)).toEqual({
      testAccuracy: 0.9834,
      denseAccuracy: 0.9851,
      sparsity: 0.9,
      perLayerSparsity: run.pruned.perLayerSparsity,
      steps: 6000,
      msPerStep: 2.5,
      clippedStepShare: 0.125,
      bytes: { dense: 1_066_440, gzip: 150_000, sparse: 139_000 },
      jobSeconds: 31.26,
      weightsSha256: 'ab'.repeat(32),
    })
  })

  it('is one line', () => {
    expect(JSON.stringify(machineReadable(run))).not.toContain('\n')
  })

  it('does not report a job without a test accuracy', () => {
    expect(() => machineReadable({ ...run, pruned: jobResult({ test: null }) })).toThrow('no test accuracy')
  })
})

describe('the table of the demo', () => {
  const lines = demoTable(run, 'http://127.0.0.1:8080', false).split('\n')
  const cells = (name: string) =>
    lines
      .find((line) => line.startsWith(name))
      ?.slice(name.length)
      .trim()
      .split(/ {2,}/)

  it('has a column for each network', () => {
    expect(lines[0]?.trim().split(/ {2,}/)).toEqual(['dense control', 'pruned'])
    expect(cells('test accuracy')).toEqual(['98.51 %', '98.34 %'])
    expect(cells('sparsity')).toEqual(['0.00 %', '90.00 %'])
    expect(cells('bytes, safetensors')).toEqual(['1,066,440', '1,066,440'])
    expect(cells('bytes, gzip')).toEqual(['150,000', '150,000'])
    expect(cells('bytes, sparse')).toEqual(['139,000', '139,000'])
    expect(cells('clipped steps')).toEqual(['25.0 %', '12.5 %'])
    expect(cells('steps per second')).toEqual(['500', '400']) // 1000 ÷ 2 and 1000 ÷ 2.5
  })

  it('lists layers, time and files', () => {
    expect(lines).toContain('pruned job: 6000 steps in 31.3 s; per layer:')
    expect(cells('  dense-1')).toEqual(['217,560 of 235,200 weights removed', '92.50 %'])
    expect(cells('  dense-2')).toEqual(['21,510 of 30,000 weights removed', '71.70 %'])
    for (const file of run.files) expect(lines).toContain(`  ${file}`)
  })

  it('says when Swagger UI can be opened', () => {
    expect(lines.at(-1)).toContain('while the service runs')
    const serving = demoTable(run, 'http://127.0.0.1:8080', true).split('\n')
    expect(serving.at(-1)).toBe('Swagger UI: http://127.0.0.1:8080/docs')
  })
})
