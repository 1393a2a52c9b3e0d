import { type Static, type TProperties, Type } from 'typebox'
import { LARGEST_FLOAT32_BELOW_1, SMALLEST_FLOAT32 } from './float32.js'

const strict = { additionalProperties: false }
const bound = (description: string) => Type.Number({ minimum: SMALLEST_FLOAT32, maximum: 3.4e38, description })
const factor = (byDefault: number, description: string) =>
  Type.Number({ minimum: SMALLEST_FLOAT32, maximum: 1e6, default: byDefault, description })
const decay = (byDefault: number, description: string) =>
  Type.Number({ minimum: 0, maximum: LARGEST_FLOAT32_BELOW_1, default: byDefault, description })
const warmupSteps = (byDefault: number, description: string) =>
  Type.Integer({ minimum: 1, maximum: 1_000_000, default: byDefault, description })
const patterns = (byDefault: string[], description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
    default: byDefault,
    maxItems: 100,
    description,
    $id: 'LayerPatterns',
  })

/** Which layers are clipped; a norm over several tensors counts no others. */
const selection = {
  include: patterns(['*'], 'Names of layers whose gradients are clipped; `*` stands for any characters'),
  exclude: patterns([], 'Names of layers that are left alone'),
}

/** Fields of every mode by its name, with the formula. `ClippingSpec` and `ShadowSpec` are built from them. */
const MODES = {
  none: { fields: {}, description: 'The gradients stay as they are' },
  value: {
    fields: { maxValue: bound('Largest absolute value that is left as it is'), ...selection },
    description: 'g ← min(max(g, −maxValue), maxValue)',
  },
  norm: {
    fields: { maxNorm: bound('Largest norm of a tensor that is left as it is'), ...selection },
    description: 'Per tensor: g ← g · min(1, maxNorm / ‖g‖₂)',
  },
  'global-norm': {
    fields: {
      maxNorm: bound('Largest norm that is left as it is'),
      p: Type.Enum([1, 2, 3, 'infinity'], { default: 2, description: 'Order of the norm' }),
      ...selection,
    },
    description: 'All tensors together: g ← g · min(1, maxNorm / ‖(g₁, g₂, …)‖ₚ)',
  },
  'block-rms': {
    fields: { maxRms: bound('Largest root mean square of a tensor that is left as it is'), ...selection },
    description: 'Per tensor: g ← g / max(1, RMS(g) / maxRms)',
  },
  adaptive: {
    fields: {
      clipFactor: factor(0.01, 'Largest ratio of the norm of a gradient to that of its weights'),
      epsilon: factor(1e-3, 'Least norm that weights are taken to have'),
      ...selection,
    },
    description:
      'AGC, per unit of a layer: gᵤ ← gᵤ · min(1, clipFactor · max(‖wᵤ‖, epsilon) / ‖gᵤ‖); exclude the output layer (Brock et al., 2021)',
  },
  auto: {
    fields: {
      percentile: Type.Number({
        exclusiveMinimum: 0,
        maximum: 100,
        default: 10,
        description: 'Percentile of the history of norms at which is clipped, above 0, at most 100',
      }),
      historySize: Type.Integer({
        minimum: 2,
        maximum: 10_000,
        default: 1000,
        description: 'Norms of the last steps that are remembered, the present one included',
      }),
      ...selection,
    },
    description: 'AutoClip: global norm at a percentile of its own history (Seetharaman et al., 2020)',
  },
  'z-score': {
    fields: {
      zThreshold: factor(2.5, 'Deviations above the mean from which on a norm counts as a spike'),
      alpha: decay(0.97, 'Decay of the moving mean and variance of the norm'),
      warmupSteps: warmupSteps(25, 'Steps whose norms give the first mean and variance'),
      response: Type.Enum(['adaptive-scaling', 'mean', 'threshold'], {
        default: 'adaptive-scaling',
        description:
          'Norm that a spike is clipped to: `adaptive-scaling`: mean + zThreshold² · deviation / z; `mean`: mean; `threshold`: mean + zThreshold · deviation',
      }),
      thresholdFactor: factor(1, 'Multiplies the norm that `adaptive-scaling` clips to'),
      maxNorm: Type.Optional(bound('Global norm that is never exceeded, in the warm-up as well')),
      updateOnSpike: Type.Boolean({
        default: true,
        description: 'Whether the clipped norm of a spike enters mean and variance',
      }),
      epsilon: factor(1e-6, 'Added to the deviation that z is measured in'),
      ...selection,
    },
    description:
      'ZClip: global norm, where it is a spike: z = (‖g‖ − mean) / (deviation + epsilon) > zThreshold (2025)',
  },
  'ada-gc': {
    fields: {
      maxNorm: factor(1, 'Largest global norm during the warm-up'),
      growthFactor: factor(1.05, 'Largest norm of a tensor in multiples of its moving mean'),
      beta: decay(0.98, 'Decay of the moving mean of the norm of a tensor, after clipping'),
      warmupSteps: warmupSteps(100, 'Steps that are clipped by the global norm'),
      ...selection,
    },
    description: 'AdaGC, per tensor: g ← g · min(1, growthFactor · γ / ‖g‖), γ the moving mean of its norm (2025)',
  },
} as const

/** Names of the clipping modes. */
export type ClippingModeName = keyof typeof MODES

type Mode<N extends ClippingModeName, Extra extends TProperties> = ReturnType<
  typeof Type.Object<{ mode: ReturnType<typeof Type.Literal<N>> } & (typeof MODES)[N]['fields'] & Extra>
>

function modeWith<N extends ClippingModeName, Extra extends TProperties>(name: N, extra: Extra): Mode<N, Extra> {
  const { fields, description } = MODES[name]
  // The spread of a member that depends on N is not narrowed to that member's fields.
  return Type.Object({ mode: Type.Literal(name), ...fields, ...extra }, { ...strict, description }) as Mode<N, Extra>
}

/** A union over the modes, each with its own fields and `extra`. */
export function modesWith<Extra extends TProperties>(extra: Extra) {
  return [
    modeWith('none', extra),
    modeWith('value', extra),
    modeWith('norm', extra),
    modeWith('global-norm', extra),
    modeWith('block-rms', extra),
    modeWith('adaptive', extra),
    modeWith('auto', extra),
    modeWith('z-score', extra),
    modeWith('ada-gc', extra),
  ] as const
}

const ClippingMode = Type.Union([...modesWith({})])
/** A mode and its fields: what turns gradients into clipped gradients. */
export type ClippingMode = Static<typeof ClippingMode>
/** The fields of one mode. */
export type ClippingModeOf<N extends ClippingModeName> = Extract<ClippingMode, { mode: N }>
