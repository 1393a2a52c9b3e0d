import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from '../../../src/contracts/parse.js'
import { PruningSpec } from '../../../src/contracts/pruning.js'
import { blockPieces } from '../../../src/ml/pruning/granularity/blocks.js'
import { matrixOf } from '../../../src/ml/pruning/granularity/matrix.js'
import { selectOfGroups } from '../../../src/ml/pruning/granularity/n-of-m.js'
import { targetsOf } from '../../../src/ml/pruning/targets.js'
import { expandModel } from '../../../src/planning/presets.js'

const sum = (mask: Uint8Array) => mask.reduce((total, bit) => total + bit, 0)

describe('blocks', () => {
  it('cover a weight without overlap, and come back from their masks', () =>
    fc.assert(
      fc.property(
        fc.tuple(...[7, 7, 4, 4].map((max) => fc.integer({ min: 1, max }))),
        fc.infiniteStream(fc.boolean()),
        ([inputs = 1, outputs = 1, rows = 1, columns = 1], bits) => {
          const pieces = blockPieces('w', matrixOf([inputs, outputs]), {
            ...{ kind: 'block', rows, columns, pooling: 'sum' },
          })
          const ones = pieces.pool({ w: new Float32Array(inputs * outputs).fill(1) })
          expect(ones.reduce((total, count) => total + count, 0)).toBe(inputs * outputs)
          const kept = Uint8Array.from({ length: pieces.count }, () => (bits.next().value ? 1 : 0))
          const masks = pieces.expand(kept)
          expect(pieces.gather(masks)).toEqual(kept)
          expect(sum(masks.w ?? new Uint8Array())).toBe(ones.reduce((total, n, i) => total + n * (kept[i] ?? 0), 0))
        },
      ),
    ))
})

describe('n of m', () => {
  it('keeps exactly n of every group, in kernels of transposed convolutions too', () =>
    fc.assert(
      fc.property(
        fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 2, max: 4 })),
        fc.boolean(),
        fc.infiniteStream(fc.integer({ min: 0, max: 5 })),
        ([groups, outputs, of], isTransposed, values) => {
          const shape = isTransposed ? [2, outputs, groups * of] : [2, groups * of, outputs]
          const scores = Float32Array.from({ length: 2 * groups * of * outputs }, () => values.next().value ?? 0)
          const matrix = matrixOf(shape, isTransposed)
          const mask = selectOfGroups(scores, matrix, { keep: 1, of })
          for (let output = 0; output < matrix.outputs; output++)
            for (let begin = 0; begin < matrix.inputs; begin += of) {
              const group = Array.from({ length: of }, (_, i) => mask[matrix.at(begin + i, output)] ?? 0)
              expect(group.reduce((total, bit) => total + bit, 0)).toBe(1)
              const own = Array.from({ length: of }, (_, i) => scores[matrix.at(begin + i, output)] ?? 0)
              expect(group.indexOf(1)).toBe(own.indexOf(Math.max(...own))) // the first of equal ones
            }
        },
      ),
    ))

  it('refuses inputs that do not divide', () => {
    expect(() => selectOfGroups(new Float32Array(6), matrixOf([3, 2]), { keep: 1, of: 2 })).toThrow(/no multiple of 2/)
  })
})

describe('units', () => {
  const targets = (granularity: object, model: Parameters<typeof expandModel>[0]) => {
    const parsed = parse(PruningSpec, {
      granularity,
      schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 0 },
    })
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
    return targetsOf(parsed.value, expandModel(model))
  }

  it('are the filters and neurons of LeNet-5, without its outputs', () => {
    const found = targets({ kind: 'unit' }, { kind: 'preset', name: 'lenet-5' })
    expect(found.map(({ pieces }) => pieces.count)).toEqual([20, 50, 500])
    expect(targets({ kind: 'filter' }, { kind: 'preset', name: 'lenet-5' }).length).toBe(2)
    expect(targets({ kind: 'neuron' }, { kind: 'preset', name: 'lenet-5' }).length).toBe(1)
    expect(found[0]?.masked).toEqual(['conv2d-1/kernel', 'conv2d-1/bias'])
  })

  it('mask kernel, bias and normalization of a unit, and of all that is coupled to it', () => {
    const found = targets({ kind: 'filter' }, { kind: 'preset', name: 'resnet-8' })
    const trunk = found.find(({ group }) => (group?.layers.length ?? 0) > 1)
    const kept = new Uint8Array(trunk?.pieces.count ?? 0).fill(1)
    kept[3] = 0
    const masks = trunk?.pieces.expand(kept) ?? {}
    expect(Object.keys(masks).some((name) => name.endsWith('/gamma'))).toBe(true)
    for (const [name, mask] of Object.entries(masks)) {
      const removed = [...mask.keys()].filter((element) => mask[element] === 0)
      expect(removed.length).toBeGreaterThan(0)
      for (const element of removed) expect(element % kept.length, name).toBe(3)
    }
    expect(trunk?.pieces.gather(masks)).toEqual(kept)
  })

  it('are scored by the norm of what makes them, and of what takes them if coupled', () => {
    const model = {
      kind: 'layers' as const,
      inputShape: [2],
      layers: [
        { type: 'dense' as const, units: 2 },
        { type: 'dense' as const, units: 1 },
      ],
    }
    const scores = { 'dense-1/kernel': Float32Array.of(3, 1, 4, 2), 'dense-2/kernel': Float32Array.of(12, 2) }
    const of = (options: object) =>
      targets({ kind: 'neuron', ...options }, model as Parameters<typeof expandModel>[0])[0]?.pieces.pool(scores)
    expect(of({})).toEqual(Float32Array.of(5, Math.sqrt(5)))
    expect(of({ coupled: true })).toEqual(Float32Array.of(13, 3))
    expect(of({ pooling: 'mean', coupled: true })).toEqual(Float32Array.of(19 / 3, 5 / 3))
  })
})
