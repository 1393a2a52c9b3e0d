import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { compact } from '../../../../src/ml/pruning/compaction/compact.js'
import { difference, modelOf, outputsOf, randomWeights, type State, stored } from './networks.js'

/** The same weights, where the units of layer `a` listed emit their bias: nothing else enters them. */
function deafened(state: State, units: readonly number[], bias: number): State {
  const next = { ...state }
  for (const [name, { shape, values }] of Object.entries(state)) {
    const columns = shape.at(-1) ?? 1
    const isOwn = (index: number) => units.includes(index % columns)
    if (/^a\/.*kernel$/.test(name))
      next[name] = stored(
        shape,
        values.map((value, index) => (isOwn(index) ? 0 : value)),
      )
    if (/^a\/.*bias$/.test(name))
      next[name] = stored(
        shape,
        values.map((value, index) => (isOwn(index) ? bias : value)),
      )
  }
  return next
}

const dense = (name: string, units: number, fields = {}) => ({ type: 'dense', name, units, ...fields })
const flat = [{ type: 'flatten' }, dense('last', 1)]
type Layers = Record<string, unknown>[]

/** What the layers after `a` are; unit 1 of `a` emits a constant, and all the same it stays, or with it all of `a`. */
const CASES: [name: string, inputShape: number[], layers: Layers, kept: number[], reason: string][] = [
  [
    'a product without a bias',
    [2],
    [dense('a', 3), dense('b', 3, { inputs: ['input'] }), { type: 'dot', name: 'd', inputs: ['a', 'b'] }],
    [1],
    "it emits 0.7, but 'd' has no bias that could take the constant",
  ],
  [
    'a group of filters whose other filter varies',
    [4, 4, 2],
    [{ type: 'conv2d', name: 'a', filters: 4, kernelSize: 1, groups: 2 }, ...flat],
    [1],
    'it emits a constant, but units that it goes with do not',
  ],
  [
    'a softmax of its own',
    [3],
    [dense('a', 3, { activation: 'softmax' }), dense('last', 1)],
    [0, 1, 2],
    "the softmax of 'a' takes all of its units together",
  ],
  [
    'a softmax layer',
    [3],
    [dense('a', 3), { type: 'softmax', name: 's' }, dense('last', 1)],
    [0, 1, 2],
    "the softmax 's' takes all channels together",
  ],
  [
    'a log-softmax as activation',
    [3],
    [dense('a', 3), { type: 'activation', name: 's', activation: 'log-softmax' }, dense('last', 1)],
    [0, 1, 2],
    "the log-softmax 's' takes all channels together",
  ],
  [
    'the softmax of a depthwise convolution',
    [3, 3, 2],
    [
      { type: 'conv2d', name: 'a', filters: 3, kernelSize: 1 },
      { type: 'depthwise-conv2d', name: 's', kernelSize: 1, activation: 'softmax' },
      ...flat,
    ],
    [0, 1, 2],
    "the softmax of 's' takes all of its channels together",
  ],
  [
    'a permutation',
    [4, 2],
    [dense('a', 3), { type: 'permute', name: 'p', dims: [2, 1] }, ...flat],
    [0, 1, 2],
    "'p' moves its channels to another axis",
  ],
  [
    'a new shape',
    [2, 2],
    [dense('a', 4), { type: 'reshape', name: 'r', targetShape: [4, 2] }, dense('b', 2), ...flat],
    [0, 1, 2, 3],
    "'r' puts its channels on several axes",
  ],
  [
    'one channel that is multiplied with several',
    [4, 4, 2],
    [
      { type: 'conv2d', name: 'b', filters: 3, kernelSize: 1 },
      { type: 'conv2d', name: 'a', filters: 1, kernelSize: 1, inputs: ['input'] },
      { type: 'multiply', name: 'm', inputs: ['b', 'a'] },
      ...flat,
    ],
    [0],
    "'m' spreads its one channel over those of its other input",
  ],
  [
    'a mask of steps',
    [4, 2],
    [dense('a', 3), { type: 'masking', name: 'm' }, { type: 'lstm', units: 2 }, dense('last', 1)],
    [0, 1, 2],
    "'m' looks at all features of a step to tell whether it counts",
  ],
  [
    'a sum with the examples',
    [3],
    [dense('a', 3), { type: 'add', name: 's', inputs: ['a', 'input'] }, dense('last', 1)],
    [0, 1, 2],
    'it is a feature of the examples',
  ],
]

const PAGE = readFileSync(new URL('../../../../docs/compaction.md', import.meta.url), 'utf8')
/** What the page says that the report says, in parts; the name of the layer stands between them. */
const [, TABLE = ''] = PAGE.split('| reason in the report |')
const REASONS = [...(TABLE.split('\n\n')[0] ?? '').matchAll(/^\| ([a-z].*?) \|/gm)].map(([, cell = '']) =>
  cell.split(' … '),
)

describe('units that emit a constant', () => {
  it.each(CASES)(
    'stay before %s, which the report says, and nothing changes',
    (_, inputShape, layers, kept, reason) => {
      const model = modelOf(inputShape, ...layers)
      const state = deafened(randomWeights(model, 5), [kept.length === 1 ? (kept[0] ?? 0) : 1], 0.7)
      const small = compact(model, state)
      expect(small.report.kept).toEqual([{ layer: 'a', units: kept, reason }])
      expect(REASONS.filter((parts) => parts.every((part) => reason.includes(part)))).toHaveLength(1)
      expect(small.report.layers.find(({ layer }) => layer === 'a')?.removed).toEqual([])
      expect(small.state['a/kernel']).toEqual(state['a/kernel'])
      expect(difference(outputsOf({ model, state }), outputsOf(small))).toBeLessThanOrEqual(1e-5)
    },
  )
})
