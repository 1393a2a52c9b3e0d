import { describe, expect, it } from 'vitest'
import { parse } from '../../src/contracts/parse.js'
import { PruningSpec } from '../../src/contracts/pruning.js'
import type { PruningReport } from '../../src/contracts/pruning-report.js'
import { judgePruning } from '../../src/ml/pruning-verdicts.js'

type Figures = Parameters<typeof judgePruning>[0]

function spec(fields: Record<string, unknown> = {}): PruningSpec {
  const parsed = parse(PruningSpec, { schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 3 }, ...fields })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return parsed.value
}

function layer(name: string, sparsity: number | null): PruningReport['layers'][number] {
  const [parameters, macs] = [
    { dense: 0, nonZero: 0, compact: 0 },
    { dense: 0, compact: 0 },
  ]
  return { layer: name, type: 'dense', parameters, macs, sparsity, units: null, bytes: { raw: 0, gzip: 0, sparse: 0 } }
}

/** 1,000 parameters, half of which are masked, in two pruned layers. */
const masked: Figures = {
  pruning: spec({ compact: false }),
  sparsity: 0.5,
  parameters: { dense: 1000, nonZero: 520, compact: 1000 },
  pieces: { asked: 0.5, total: 960, removed: 480 },
  macs: { dense: 900, compact: 900 },
  bytes: {
    dense: { raw: 4000, gzip: 3600, sparse: 4100 },
    masked: { raw: 4000, gzip: 2500, sparse: 2000 },
    delivered: { raw: 4000, gzip: 2500, sparse: 2000 },
  },
  layers: [layer('one', 0.5), layer('pool', null), layer('two', 0.5)],
  evaluatedOn: 'test',
  rounds: [],
  delivered: { loss: 1 },
  compaction: null,
  certificate: null,
  latency: null,
}

const speed = (median: number) => ({ median, low: median, high: median })
const sha256 = 'ab'.repeat(32)
/** The same rebuilt: a quarter of the parameters, a twelfth of the multiplications. */
const rebuilt: Figures = {
  ...masked,
  pruning: spec({ granularity: { kind: 'neuron' } }),
  parameters: { dense: 1000, nonZero: 250, compact: 250 },
  macs: { dense: 900, compact: 75 },
  bytes: { ...masked.bytes, delivered: { raw: 1000, gzip: 900, sparse: 950 } },
  compaction: { step: 3, removedUnits: [], folded: [], addedBiases: [], kept: [] },
  certificate: {
    ...{ step: 3, split: 'test', rows: 20, largestDifference: 2.5e-7, tolerance: 1e-5, changedPredictions: 0 },
    ...{ holds: true, inputsSha256: sha256, maskedSha256: sha256, compactSha256: sha256 },
    pins: { tensorflow: '2.21.0', device: 'cpu', intraOpThreads: 2, oneDnn: true, xla: false, seed: 0 },
  },
  latency: [
    {
      ...{ batch: 64, rounds: 41, denseMs: speed(3), compactMs: speed(1.5), speedup: speed(2) },
      verdict: 'faster ×2.00',
    },
  ],
}

const pieces = (asked: number | null, removed: number): Figures => ({
  ...masked,
  pieces: { asked, total: 960, removed },
})

describe('the verdicts on a masked network', () => {
  it('tell what is removed, what the smallest file saves, and that neither memory nor time is', () => {
    expect(judgePruning(masked)).toEqual([
      '50 % of the prunable weights are removed; of 1000 parameters 520 are not 0.',
      'The smallest file of float32 weights is the sparse container: 2000 bytes, ×2.00 smaller than the dense network as safetensors (4000; gzipped 3600).',
      'In memory and in time nothing is saved: the network was not rebuilt (pruning.compact is false), so the network still has 1000 parameters and does all its multiplications.',
    ])
  })

  it('tell when there was no unit to remove', () => {
    expect(judgePruning({ ...masked, pruning: spec({ compact: true }) }).at(-1)).toContain(
      'nothing is saved: no unit could be removed, so',
    )
  })

  it('tell when no file is smaller', () => {
    const delivered = { raw: 4000, gzip: 4100, sparse: 4200 }
    expect(judgePruning({ ...masked, bytes: { ...masked.bytes, delivered } })[1]).toBe(
      'The smallest file of float32 weights is gzipped safetensors: 4100 bytes, no smaller than the dense network as safetensors (4000; gzipped 3600).',
    )
  })

  it('tell what was asked and not reached', () => {
    expect(judgePruning(pieces(0.5, 240))[2]).toBe(
      'Asked were 50 % of 960 pieces, but 240 are removed (25 %): roundTo, layerSparsity.max or what always stays of each layer keeps more.',
    )
    expect(judgePruning(pieces(0.5, 720))[2]).toBe(
      'Asked were 50 % of 960 pieces, but 720 are removed (75 %): layerSparsity.min removes more.',
    )
  })

  it('tell nothing of a rounding for each of the two pruned layers, nor where a threshold decides', () => {
    for (const figures of [pieces(0.5, 478), pieces(0.5, 482), pieces(null, 240), { ...masked, pieces: null }])
      expect(judgePruning(figures)).toEqual(judgePruning(masked))
    for (const removed of [477, 483]) expect(judgePruning(pieces(0.5, removed)).length).toBe(4)
  })

  it('tell nothing of units that erk shares out by their weights', () => {
    const shared = (kind: 'neuron' | 'element'): Figures => {
      const figures = pieces(0.5, 240)
      const granularity = kind === 'element' ? { kind } : { kind, pooling: 'l2' as const, coupled: false }
      return { ...figures, pruning: { ...figures.pruning, distribution: 'erk', granularity } }
    }
    expect(judgePruning(shared('neuron')).join()).not.toMatch(/Asked were/)
    expect(judgePruning(shared('element')).join()).toMatch(/Asked were/)
  })

  it('name the layers that nothing is left of', () => {
    const layers = [layer('one', 1), layer('two', 0.999), layer('three', 1)]
    expect(judgePruning({ ...masked, layers })[2]).toBe(
      'No weight is left of one, three: what it gives no longer depends on its inputs. Take a smaller sparsity, or layerSparsity.max.',
    )
  })
})

describe('the verdicts on a rebuilt network', () => {
  it('tell how much smaller and faster it is, and that it is the same', () => {
    expect(judgePruning(rebuilt)).toEqual([
      '50 % of the prunable weights are removed; of 1000 parameters 250 are not 0.',
      'The smallest file of float32 weights is gzipped safetensors: 900 bytes, ×4.44 smaller than the dense network as safetensors (4000; gzipped 3600).',
      'The rebuilt network has 250 parameters (×4.00 fewer) and 75 multiplications an example (×12.0 fewer).',
      'Batch 64: faster ×2.00 (3.000 → 1.500 ms).',
      'It is the same network: over 20 examples its outputs differ from those of the masked network by at most 2.5e-7 of the largest, and 0 predictions change.',
    ])
  })

  it('warn of one that is not', () => {
    const { certificate } = rebuilt
    if (!certificate) throw new Error('there is no certificate')
    const broken = { ...certificate, holds: false, largestDifference: 0.004, changedPredictions: 3 }
    expect(judgePruning({ ...rebuilt, certificate: broken }).at(-1)).toBe(
      'It is NOT the same network within 0.00001: over 20 examples its outputs differ from those of the masked network by at most 4.0e-3 of the largest, and 3 predictions change. Do not use it without a look at its accuracy.',
    )
  })
})
