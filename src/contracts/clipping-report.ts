import { type Static, Type } from 'typebox'
import { ClippingSpec, ShadowSpec } from './clipping.js'

const strict = { additionalProperties: false }
const count = (description: string) => Type.Integer({ minimum: 0, description })
const share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description: `${description}, 0 to 1` })
const positive = (description: string) => Type.Number({ minimum: 0, description })
const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { description })
const step = (description: string) => orNull(Type.Integer({ minimum: 0 }), description)

/** How a number that is not negative was distributed over the steps; `min`, `max` and `mean` are exact, the quantiles within 1 %. */
export const Quantiles = Type.Object(
  {
    min: positive('Smallest'),
    q01: positive('1 % lie below'),
    q05: positive('5 % lie below'),
    q25: positive('25 % lie below'),
    q50: positive('Median'),
    q75: positive('75 % lie below'),
    q90: positive('90 % lie below'),
    q95: positive('95 % lie below'),
    q99: positive('99 % lie below'),
    max: positive('Largest'),
    mean: positive('Mean'),
  },
  { ...strict, description: 'min, max and mean are exact, the quantiles off by at most 1 % of themselves' },
)
export type Quantiles = Static<typeof Quantiles>

/** Everything that a verdict can say. */
export const VERDICT_CODES = [
  'no-steps',
  'clipping-off',
  'never-engaged',
  'rarely-engaged',
  'healthy',
  'moderate',
  'almost-always-engaged',
  'only-at-the-start',
  'scale-irrelevant',
  'layer-frozen',
  'layer-dominates',
  'direction-changed',
  'norm-collapsed',
  'spikes',
  'non-finite',
] as const
export type VerdictCode = (typeof VERDICT_CODES)[number]

/** What the figures mean, in words. */
export const Verdict = Type.Object(
  {
    code: Type.Enum([...VERDICT_CODES], { description: 'Stable; docs/clipping-report.md has the condition of each' }),
    severity: Type.Enum(['info', 'advice', 'warning'], {
      description: '`info`: as it should be; `advice`: a setting could be better; `warning`: training suffered',
    }),
    text: Type.String({ description: 'A sentence with the numbers' }),
  },
  strict,
)
export type Verdict = Static<typeof Verdict>

const Engagement = Type.Object(
  {
    rate: share('Share of the steps in which clipping changed a gradient'),
    steps: count('Those steps'),
    firstStep: step('The first of them; null if there was none'),
    lastStep: step('The last of them'),
    longestRun: count('Most of them in a row'),
    overTime: Type.Array(
      Type.Object(
        {
          fromStep: count('Inclusive'),
          toStep: count('Exclusive'),
          rate: share('Share of the steps of the window that were seen'),
        },
        strict,
      ),
      { maxItems: 100, description: 'Windows of equal length; those without a step so far are left out' },
    ),
  },
  strict,
)

/** What clipping did to one layer. */
export const LayerClipping = Type.Object(
  {
    layer: Type.String({ description: 'Its name' }),
    engagement: share('Share of the steps in which one of its gradients was changed'),
    norm: orNull(Quantiles, 'L2 norm over its gradients, before clipping; null before the first step'),
    normShare: share('Its share of the squared norm over all layers, mean over the steps whose norm is not 0'),
    meanScale: share('Norm after clipping / norm before, mean over the measured steps'),
    clippedShare: orNull(
      share('Mean'),
      'Share of its gradient elements that were clipped, mean over the measured steps; null except for `value` and `adaptive`',
    ),
    meanCosine: orNull(
      share('Mean'),
      'Cosine between its raw and its clipped gradient, mean over the measured steps; null for modes that cannot turn it: `none`, `global-norm`, `auto`, `z-score`',
    ),
  },
  strict,
)
export type LayerClipping = Static<typeof LayerClipping>

/** What a mode that was only watched would have done. */
export const ShadowClipping = Type.Object(
  {
    name: Type.String({ description: 'Of the spec, or `<mode>-<place in the list>`, counted from 0' }),
    mode: Type.String({ examples: ['global-norm'] }),
    spec: ShadowSpec,
    engagement: share('Share of the steps in which it would have changed a gradient'),
    meanScale: share('Norm after it / norm before, mean over all steps'),
    smallestScale: share('Smallest factor that it would have given to a tensor in any step'),
    normAfter: orNull(Quantiles, 'L2 norm over all gradients after it; null before the first step'),
    verdict: Verdict,
  },
  strict,
)
export type ShadowClipping = Static<typeof ShadowClipping>

/** What clipping did in a job, over all its steps so far; norms are L2. */
export const ClippingReport = Type.Object(
  {
    clipping: ClippingSpec,
    steps: count('Steps that the report is about; steps with a non-finite gradient are not among them'),
    plannedSteps: count('Steps of the whole job'),
    measuredSteps: count(
      'Steps in which scale.meanEffective, cosine and, of each layer, meanScale, clippedShare and meanCosine were measured: all, but for `value` and `adaptive` in a job of more than 50 steps every k-th',
    ),
    engagement: Engagement,
    norm: orNull(Quantiles, 'Norm over all gradients, before clipping; null before the first step'),
    scale: Type.Object(
      {
        whileEngaged: orNull(
          Quantiles,
          'Smallest factor applied to a tensor (for `adaptive` to a unit, for `value` the ratio of the norms of a tensor), over the steps in which clipping changed a gradient; null if there was none',
        ),
        meanEffective: share('Norm of all gradients after clipping / norm before, mean over the measured steps'),
      },
      strict,
    ),
    threshold: orNull(
      Type.Object(
        {
          min: positive('Smallest'),
          median: positive('Median'),
          max: positive('Largest'),
          last: positive('At the last step'),
        },
        strict,
      ),
      'In force over the steps, by schedule or by the history of the norm; null where there was none',
    ),
    cosine: orNull(
      Type.Object({ mean: share('Mean'), min: share('Smallest') }, strict),
      'Between all raw and all clipped gradients, over the measured steps; 1: the direction was kept; null before the first of them',
    ),
    layers: Type.Array(LayerClipping, { description: 'Those with weights, in the order of the model' }),
    dominantLayers: Type.Array(Type.Object({ layer: Type.String(), normShare: share('As in `layers`') }, strict), {
      maxItems: 3,
      description: 'The layer that has at least half of the squared norm, else the three with the most',
    }),
    nonFinite: Type.Object(
      {
        count: count('Steps in which a gradient was NaN or infinite'),
        policy: Type.String({ description: '`onNonFinite` of the spec', examples: ['fail'] }),
      },
      strict,
    ),
    shadows: Type.Array(ShadowClipping, { description: 'In the order of `clipping.shadow`' }),
    verdicts: Type.Array(Verdict, {
      description: 'What the figures mean; the first is about how often clipping engaged',
    }),
  },
  { ...strict, $id: 'ClippingReport' },
)
export type ClippingReport = Static<typeof ClippingReport>
