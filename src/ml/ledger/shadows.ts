import type { ShadowSpec } from '../../contracts/clipping.js'
import type { ShadowClipping } from '../../contracts/clipping-report.js'
import { makeSketch, type SketchState } from './sketch.js'

/** Sums over the steps of one shadow, as plain JSON. */
export interface ShadowState {
  readonly steps: number
  readonly engaged: number
  readonly scales: number
  readonly smallestScale: number
  readonly normsAfter: SketchState
}

export type ShadowFigures = Omit<ShadowClipping, 'verdict'>

export interface ShadowAccount {
  /** @param norm Of all gradients before any clipping. */
  add(norm: number, normAfter: number, smallestScale: number, engaged: boolean): void
  figures(): ShadowFigures
  state(): ShadowState
}

/** @param place In the list of the spec, from 0. */
export function makeShadowAccount(spec: ShadowSpec, place: number, state?: ShadowState): ShadowAccount {
  const normsAfter = state === undefined ? makeSketch() : makeSketch(state.normsAfter)
  let { steps, engaged, scales, smallestScale } = state ?? { steps: 0, engaged: 0, scales: 0, smallestScale: 1 }
  return {
    add(norm, normAfter, smallest, isEngaged) {
      steps++
      normsAfter.add(normAfter)
      scales += norm > 0 ? Math.min(1, normAfter / norm) : 1
      if (isEngaged) engaged++
      if (smallest >= 0 && smallest < smallestScale) smallestScale = smallest
    },
    figures: () => ({
      name: spec.name ?? `${spec.mode}-${place}`,
      mode: spec.mode,
      spec,
      engagement: engaged / Math.max(1, steps),
      meanScale: steps > 0 ? Math.min(1, scales / steps) : 1,
      smallestScale,
      normAfter: normsAfter.summary(),
    }),
    state: () => ({ steps, engaged, scales, smallestScale, normsAfter: normsAfter.state() }),
  }
}
