import { type Static, Type } from 'typebox'

export const strict = { additionalProperties: false }
export const Extent = (description: string) => Type.Integer({ minimum: 1, maximum: 65_536, description })

/** Becomes part of the names of weights, so it is kept to letters, digits, `_` and `-`. */
const NAME = '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'

/** What a layer of any type may have. */
export const wiring = {
  name: Type.Optional(
    Type.String({
      $id: 'LayerName',
      pattern: NAME,
      description: 'Unique in the model; default: type and position, such as `dense-2`',
    }),
  ),
  inputs: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
      $id: 'LayerInputs',
      minItems: 1,
      maxItems: 32,
      description: 'Names of earlier layers, or `input` for the examples; default: the layer before',
    }),
  ),
}

/** Names of the activations, `linear` first, which changes nothing. */
export const ACTIVATIONS = [
  'linear',
  'relu',
  'relu6',
  'leaky-relu',
  'elu',
  'selu',
  'gelu',
  'sigmoid',
  'hard-sigmoid',
  'log-sigmoid',
  'tanh',
  'hard-tanh',
  'softplus',
  'softsign',
  'silu',
  'hard-silu',
  'mish',
  'exponential',
  'softmax',
  'log-softmax',
] as const
/** `softmax` and `log-softmax` go over the last axis; the others work element by element. */
export type ActivationName = (typeof ACTIVATIONS)[number]
export const Activation = Type.Enum([...ACTIVATIONS], { $id: 'Activation' })
export const activationField = (byDefault: ActivationName = 'linear') =>
  Type.Enum([...ACTIVATIONS], { default: byDefault, $id: 'Activation' })

const NAMED_INITIALIZERS = [
  'zeros',
  'ones',
  'glorot-uniform',
  'glorot-normal',
  'he-uniform',
  'he-normal',
  'lecun-uniform',
  'lecun-normal',
  'orthogonal',
] as const
const Initializer = Type.Union([
  Type.Enum([...NAMED_INITIALIZERS]),
  Type.Object(
    { kind: Type.Literal('normal'), deviation: Type.Number({ minimum: 0, maximum: 1000 }) },
    { ...strict, description: 'N(0, deviation²)' },
  ),
  Type.Object(
    { kind: Type.Literal('uniform'), limit: Type.Number({ minimum: 0, maximum: 1000 }) },
    { ...strict, description: 'U(−limit, limit)' },
  ),
  Type.Object(
    { kind: Type.Literal('orthogonal'), gain: Type.Number({ minimum: 0, maximum: 1000 }) },
    { ...strict, description: 'Orthonormal rows or columns, times gain; `orthogonal` by name has gain 1' },
  ),
  Type.Object(
    { kind: Type.Literal('constant'), value: Type.Number({ minimum: -1e6, maximum: 1e6 }) },
    { ...strict, description: 'Every entry the same' },
  ),
])
/** How weights are drawn: a name, or a kind with its numbers. */
export type Initializer = Static<typeof Initializer>
export const initializerField = (byDefault: Initializer = 'glorot-uniform') =>
  Type.Union(Initializer.anyOf, { default: byDefault, description: 'How the weights are drawn', $id: 'Initializer' })

export const useBias = Type.Boolean({ default: true })
/** Height and width, one number for both. */
export const Window2d = (description: string, minimum = 1) => {
  const extent = Type.Integer({ minimum, maximum: 65_536 })
  return Type.Union([extent, Type.Tuple([extent, extent])], { description })
}
export const Window3d = (description: string) => {
  const extent = Extent('depth, height, width')
  return Type.Union([extent, Type.Tuple([extent, extent, extent])], { description })
}
export const paddingField = Type.Enum(['valid', 'same'], {
  default: 'valid',
  description: '`valid`: no padding; `same`: output extent = ⌈input extent / stride⌉',
})
