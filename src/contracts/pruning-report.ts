import { type Static, Type } from 'typebox'
import { Certificate } from './certificate.js'
import { PruningSpec } from './pruning.js'

const strict = { additionalProperties: false }
const count = (description: string) => Type.Integer({ minimum: 0, description })
const share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description: `${description}, 0 to 1` })
const positive = (description: string) => Type.Number({ minimum: 0, description })
const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { description })
const means = (description: string) => orNull(Type.Record(Type.String(), Type.Number()), description)

const Bytes = Type.Object(
  { raw: count('As safetensors'), gzip: count('That file, gzipped'), sparse: count('As the sparse container') },
  { ...strict, description: 'Files with float32 weights, measured' },
)

const Median = Type.Object(
  {
    median: positive('Over the rounds'),
    low: positive('Lower end of the 95 % interval of the median'),
    high: positive('Its upper end'),
  },
  strict,
)

/** Dense and compact network in interleaved runs on the worker that trained. */
export const Latency = Type.Object(
  {
    batch: Type.Integer({ minimum: 1, description: 'Examples a call' }),
    rounds: count('In which both took turns'),
    denseMs: Median,
    compactMs: Median,
    speedup: Type.Intersect([Median], { description: 'Dense ÷ compact, taken within each round' }),
    verdict: Type.String({
      description: '`faster ×r` or `slower ×r` where the interval leaves out 1, else `no measurable gain`',
      examples: ['faster ×1.80'],
    }),
  },
  strict,
)
export type Latency = Static<typeof Latency>

const LayerPruning = Type.Object(
  {
    layer: Type.String({ description: 'Its name' }),
    type: Type.String({ examples: ['dense'] }),
    parameters: Type.Object(
      {
        dense: count('Weights and biases before'),
        nonZero: count('Of the delivered network, that are not 0'),
        compact: count('Of the delivered network'),
      },
      strict,
    ),
    macs: Type.Object(
      { dense: count('Multiplications and additions an example, before'), compact: count('Of the delivered network') },
      strict,
    ),
    sparsity: orNull(share('Share of its weights that is removed by a mask'), 'Null for layers that are not pruned'),
    units: orNull(
      Type.Object({ before: count('Units'), after: count('Of the delivered network') }, strict),
      'Of layers that make units',
    ),
    bytes: Bytes,
  },
  strict,
)

const Round = Type.Object(
  {
    step: count('Of the mask update'),
    sparsity: share('Share of the prunable weights that is removed from there on'),
    before: means('Loss and metrics just before the update'),
    after: means('Just after it'),
  },
  strict,
)

const Compaction = Type.Object(
  {
    step: count('Updates done when the network was rebuilt'),
    removedUnits: Type.Array(
      Type.Object({ layer: Type.String(), units: Type.Array(Type.Integer({ minimum: 0 })) }, strict),
      { description: 'By their index before' },
    ),
    folded: Type.Array(
      Type.Object({ bias: Type.String(), sources: count('Inputs of the layer whose constants it took over') }, strict),
      { description: 'Constants that removed units emit, moved into biases' },
    ),
    addedBiases: Type.Array(Type.String(), { description: 'That layers did not have before' }),
    kept: Type.Array(
      Type.Object(
        { layer: Type.String(), units: Type.Array(Type.Integer({ minimum: 0 })), reason: Type.String() },
        strict,
      ),
      { description: 'Units that do nothing for the inputs seen, or are masked, but cannot be removed exactly' },
    ),
  },
  strict,
)

/** What pruning made of a network. */
export const PruningReport = Type.Object(
  {
    pruning: PruningSpec,
    sparsity: share('Share of the prunable weights that is removed by masks'),
    parameters: Type.Object(
      { dense: count('Before'), nonZero: count('Delivered, that are not 0'), compact: count('Delivered') },
      strict,
    ),
    pieces: orNull(
      Type.Object(
        {
          asked: orNull(share('Of the pieces, by the schedule'), 'Null where a threshold or n-of-m decides'),
          total: count('Elements, blocks or units that could be removed'),
          removed: count('Of them'),
        },
        strict,
      ),
      'As of the last mask update; null if there was none',
    ),
    macs: Type.Object({ dense: count('An example, before'), compact: count('Delivered') }, strict),
    bytes: Type.Object(
      {
        dense: Type.Intersect([Bytes], { description: 'Of the network just before the first mask update' }),
        masked: Type.Intersect([Bytes], { description: 'With zeros for what is removed, in the shapes it had' }),
        delivered: Bytes,
      },
      strict,
    ),
    layers: Type.Array(LayerPruning),
    evaluatedOn: orNull(
      Type.Enum(['validation', 'test']),
      'The rows of rounds and of `delivered`; null if none were held out and there is no test split: then nothing was measured',
    ),
    rounds: Type.Array(Round, {
      description:
        'Mask updates: all of schedules one-shot, iterative and multi-step, of others the first and the last',
    }),
    delivered: means('Loss and metrics of the delivered network'),
    compaction: orNull(Compaction, 'Null if the network was not rebuilt'),
    certificate: orNull(Certificate, 'Null if the network was not rebuilt'),
    latency: orNull(Type.Array(Latency), 'By batch size; null if the network was not rebuilt: a mask saves no time'),
    verdicts: Type.Array(Type.String(), { description: 'What the figures mean, in sentences' }),
  },
  { ...strict, $id: 'PruningReport' },
)
export type PruningReport = Static<typeof PruningReport>
