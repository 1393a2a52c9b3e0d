import type { ClippingSpec } from '../../contracts/clipping.js'
import type { ClippingReport } from '../../contracts/clipping-report.js'
import type { OptimizerSpec } from '../../contracts/optimizer.js'
import type { Outputs } from '../engine/types.js'
import type { Model } from '../models/model.js'
import { TrainingFailure } from '../training-failure.js'
import { NUMBERS_OF_A_SHADOW } from '../transforms/figures.js'
import { type EngagementState, makeEngagement } from './engagement.js'
import { type JointState, type JointStep, makeJointAccounts } from './joint.js'
import { type LayersState, type LayerTensors, makeLayerAccounts } from './layers.js'
import { scalarOf, vectorOf } from './outputs.js'
import { reportOf } from './report.js'
import { jointSeries, makeSeries, measuredEvery } from './series.js'
import { makeShadowAccount, type ShadowState } from './shadows.js'

export interface LedgerOptions {
  readonly model: Pick<Model, 'layers' | 'parameters'>
  readonly clipping: ClippingSpec
  readonly optimizer: Pick<OptimizerSpec, 'kind' | 'l2'>
  /** Of the whole job. */
  readonly steps: number
  /** To go on from; none: from the first step. */
  readonly state?: LedgerState | undefined
}

/** Everything that a ledger knows, as plain JSON for the checkpoint; a ledger made from it goes on to the same report, bit for bit. */
export interface LedgerState {
  readonly version: 2
  /** Names of the layers, to know a state of another model. */
  readonly layerNames: readonly string[]
  readonly engagement: EngagementState
  readonly joint: JointState
  readonly layers: LayersState
  readonly shadows: readonly ShadowState[]
}

/** Keeps account of what clipping does, over all steps and layers; its size does not grow with the steps. */
export interface Ledger {
  /**
   * Takes in the `info` of a step, as outputs: `gradientNorm`, `clipScale`, `clipped`, `threshold` [1]; `tensorNorms`, `tensorScales` [tensors];
   * for `value` and `adaptive` `tensorEngaged` [tensors] in place of the scales, and at every `measuredEvery`-th step also these,
   * `tensorNormsAfter`, `tensorCosines` and `tensorClipped` [tensors]; `shadow` [shadows · 3], if there are any. A step whose norm is not
   * finite is left out: it is counted by the non-finite policy.
   * @param step From 0; steps may be left out, but none comes twice.
   * @throws Error if an output is missing or of the wrong length
   */
  add(step: number, outputs: Outputs): void
  /** Values by name of the series at the step added last, without those that their stride leaves out; empty at any other step. */
  series(step: number): Readonly<Record<string, number>>
  state(): LedgerState
  /** @param nonFinite Steps in which a gradient was NaN or infinite. */
  report(nonFinite: number): ClippingReport
}

/** @throws TrainingFailure CHECKPOINT_INVALID if `state` is not one of this version and model */
export function makeLedger({ model, clipping, optimizer, steps, state }: LedgerOptions): Ledger {
  const layers = tensorsOf(model)
  const layerNames = layers.map(({ name }) => name)
  if (state && (state.version !== 2 || state.layerNames.join() !== layerNames.join()))
    throw new TrainingFailure(
      'CHECKPOINT_INVALID',
      'the checkpoint cannot be used: its clip ledger is of another job',
      null,
    )
  const accounts = makeLayerAccounts(layers, clipping.mode, state?.layers)
  const joint = makeJointAccounts(steps, state?.joint)
  const engagement = makeEngagement(steps, state?.engagement)
  const shadows = clipping.shadow.map((spec, place) => makeShadowAccount(spec, place, state?.shadows[place]))
  const series = makeSeries(layerNames, clipping.mode, steps, accounts.last)
  const stride = measuredEvery(clipping.mode, steps)
  let last: { step: number; figures: JointStep } | null = null
  return {
    add(step, outputs) {
      const norm = scalarOf(outputs, 'gradientNorm')
      if (!Number.isFinite(norm)) return
      const engaged = scalarOf(outputs, 'clipped') > 0
      const figures = {
        norm,
        engaged,
        scale: scalarOf(outputs, 'clipScale'),
        threshold: scalarOf(outputs, 'threshold'),
        change: accounts.add(outputs, step % stride === 0),
      }
      engagement.add(step, engaged)
      joint.add(step, figures)
      last = { step, figures }
      if (shadows.length === 0) return
      const numbers = vectorOf(outputs, 'shadow', shadows.length * NUMBERS_OF_A_SHADOW)
      shadows.forEach((shadow, place) => {
        const at = place * NUMBERS_OF_A_SHADOW
        shadow.add(norm, numbers[at] ?? 0, numbers[at + 1] ?? 1, (numbers[at + 2] ?? 0) > 0)
      })
    },
    series: (step) => (step === last?.step ? { ...jointSeries(clipping.mode, last.figures), ...series(step) } : {}),
    state: () => ({
      version: 2,
      layerNames,
      engagement: engagement.state(),
      joint: joint.state(),
      layers: accounts.state(),
      shadows: shadows.map((shadow) => shadow.state()),
    }),
    report: (nonFinite) =>
      reportOf({
        ...{ clipping, optimizer, plannedSteps: steps, nonFinite },
        engagement: engagement.figures(),
        joint: joint.figures(),
        layers: accounts.figures(),
        shadows: shadows.map((shadow) => shadow.figures()),
      }),
  }
}

/** The layers with parameters, and where these stand in the vectors of a step. */
function tensorsOf({ layers, parameters }: LedgerOptions['model']): LayerTensors[] {
  const all = Object.keys(parameters)
  return layers.flatMap(({ name, weights }) => {
    const tensors = all.flatMap((parameter, place) => (parameter in weights ? [place] : []))
    const sizes = tensors.map((place) => parameters[all[place] ?? '']?.reduce((size, extent) => size * extent, 1) ?? 0)
    return tensors.length > 0 ? [{ name, tensors, size: sizes.reduce((sum, size) => sum + size, 0) }] : []
  })
}
