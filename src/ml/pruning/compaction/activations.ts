import type { ActivationName } from '../../../contracts/layers/fields.js'

type Elementwise = Exclude<ActivationName, 'softmax' | 'log-softmax'>

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))
/** ln(1 + eˣ), without overflow. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
const hardSigmoid = (x: number): number => clip(x + 3, 0, 6) / 6
const SELU_ALPHA = 1.6732632423543772
const SELU_SCALE = 1.0507009873554805

/** The activations of the models, number by number in float64. */
const FUNCTIONS = {
  linear: (x) => x,
  relu: (x) => Math.max(x, 0),
  relu6: (x) => clip(x, 0, 6),
  'leaky-relu': (x) => (x < 0 ? 0.2 * x : x),
  elu: (x) => (x < 0 ? Math.expm1(x) : x),
  selu: (x) => SELU_SCALE * (x < 0 ? SELU_ALPHA * Math.expm1(x) : x),
  gelu: (x) => (x * (1 + erf(x * Math.SQRT1_2))) / 2,
  sigmoid,
  'hard-sigmoid': hardSigmoid,
  'log-sigmoid': (x) => -softplus(-x),
  tanh: Math.tanh,
  'hard-tanh': (x) => clip(x, -1, 1),
  softplus,
  softsign: (x) => x / (1 + Math.abs(x)),
  silu: (x) => x * sigmoid(x),
  'hard-silu': (x) => x * hardSigmoid(x),
  mish: (x) => x * Math.tanh(softplus(x)),
  exponential: Math.exp,
} satisfies Record<Elementwise, (x: number) => number>

/** activation(x), NaN where one number does not decide: `softmax` and `log-softmax` take a whole row. */
export function activate(name: ActivationName, x: number): number {
  return name === 'softmax' || name === 'log-softmax' ? Number.NaN : FUNCTIONS[name](x)
}

export function clip(x: number, least: number, largest: number): number {
  return Math.min(Math.max(x, least), largest)
}

/** 2/√π · e^(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1 · 3 · … · (2n + 1)): all terms have one sign. @see Abramowitz, Stegun, 7.1.6. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x)
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}
