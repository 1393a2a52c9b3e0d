import { ClippingSpec } from '../../../src/contracts/clipping.js'
import type { OptimizerKind } from '../../../src/contracts/optimizer.js'
import { parse } from '../../../src/contracts/parse.js'
import type { Outputs } from '../../../src/ml/engine/types.js'
import { type Ledger, type LedgerOptions, type LedgerState, makeLedger } from '../../../src/ml/ledger/ledger.js'

export function clippingOf(fields: Record<string, unknown>): ClippingSpec {
  const parsed = parse(ClippingSpec, fields)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return parsed.value
}

/** Two layers with a kernel and a bias each, and one without weights between them. */
export const TWO_LAYERS = modelOf({ 'dense-1': [6, 2], 'flatten-2': [], 'dense-3': [4, 4] })

/** Layers by name with the sizes of their tensors. */
export function modelOf(layers: Readonly<Record<string, readonly number[]>>): LedgerOptions['model'] {
  const weightsOf = (layer: string, sizes: readonly number[]) =>
    Object.fromEntries(sizes.map((size, place) => [`${layer}/w${place}`, [size]]))
  const described = Object.entries(layers).map(([name, sizes]) => ({ name, weights: weightsOf(name, sizes) }))
  // A ledger reads nothing but names of a description.
  return {
    layers: described as unknown as LedgerOptions['model']['layers'],
    parameters: Object.assign({}, ...described.map(({ weights }) => weights)),
  }
}

/** What a step says. Without `tensorScales`, all tensors have the factor `clipScale`; with `tensorClipped`, those with an element that was clipped are engaged. */
export interface MadeUpStep {
  readonly tensorNorms: readonly number[]
  readonly tensorScales?: readonly number[]
  readonly clipScale?: number
  readonly threshold?: number
  readonly tensorNormsAfter?: readonly number[]
  readonly tensorCosines?: readonly number[]
  readonly tensorClipped?: readonly number[]
  readonly shadow?: readonly number[]
  /** Default: the joint norm of `tensorNorms`. */
  readonly gradientNorm?: number
}

export function outputsOf(step: MadeUpStep): Outputs {
  const { tensorNorms, tensorNormsAfter, tensorCosines, tensorClipped, shadow } = step
  const scales = step.tensorScales ?? tensorNorms.map(() => step.clipScale ?? 1)
  const clipScale = step.clipScale ?? Math.min(...scales)
  const isClipped = tensorClipped ? tensorClipped.some((count) => count > 0) : scales.some((scale) => scale < 1)
  const vectors = {
    gradientNorm: [step.gradientNorm ?? Math.hypot(...tensorNorms)],
    clipScale: [clipScale],
    clipped: [isClipped ? 1 : 0],
    threshold: [step.threshold ?? 0],
    tensorNorms,
    tensorScales: scales,
    ...(tensorNormsAfter && { tensorNormsAfter }),
    ...(tensorCosines && { tensorCosines }),
    ...(tensorClipped && { tensorClipped, tensorEngaged: tensorClipped.map((count) => (count > 0 ? 1 : 0)) }),
    ...(shadow && { shadow }),
  }
  return Object.fromEntries(Object.entries(vectors).map(([name, values]) => [name, Float32Array.from(values)]))
}

export interface MadeUpJob {
  readonly clipping: Record<string, unknown>
  readonly optimizer?: { readonly kind: OptimizerKind; readonly l2: number } | undefined
  readonly model?: LedgerOptions['model']
  readonly steps: number
  readonly state?: LedgerState
}

export function ledgerOf({ clipping, optimizer, model, steps, state }: MadeUpJob): Ledger {
  return makeLedger({
    model: model ?? TWO_LAYERS,
    clipping: clippingOf(clipping),
    optimizer: optimizer ?? { kind: 'sgd', l2: 0 },
    steps,
    state,
  })
}

/** A ledger of one layer with one tensor under global-norm clipping at `maxNorm`, whose norm takes the course of `norms`. */
export function courseOf(
  norms: readonly number[],
  maxNorm: number,
  job: {
    clipping?: Record<string, unknown>
    optimizer?: MadeUpJob['optimizer']
    /** What each step says of the shadow. */
    shadow?: readonly number[]
  } = {},
): Ledger {
  const clipping = job.clipping ?? { mode: 'global-norm', maxNorm }
  const ledger = ledgerOf({
    clipping,
    model: modelOf({ only: [9] }),
    steps: norms.length,
    ...(job.optimizer && { optimizer: job.optimizer }),
  })
  norms.forEach((norm, step) => {
    const clipScale = norm > maxNorm ? maxNorm / norm : 1
    const threshold = Number.isFinite(maxNorm) ? maxNorm : 0
    ledger.add(
      step,
      outputsOf({ tensorNorms: [norm], clipScale, threshold, ...(job.shadow && { shadow: job.shadow }) }),
    )
  })
  return ledger
}
