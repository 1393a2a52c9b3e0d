import { selectMask } from './selection.js'

export interface Exchange {
  readonly mask: Uint8Array<ArrayBuffer>
  /** 1 where an element is kept now that the drop had removed, at once or before: it begins again at 0. */
  readonly grown: Uint8Array<ArrayBuffer>
}

/**
 * Of the kept elements the `count` with the lowest scores go, and as many of those that are then removed come back, the ones with the
 * highest `growth`; among equal ones those of lower index are kept. An element may come back at once.
 * @see Evci et al., "Rigging the lottery: making all tickets winners", 2020.
 */
export function exchange(
  previous: Uint8Array,
  { scores, growth }: { readonly scores: Float32Array; readonly growth: Float32Array },
  count: number,
): Exchange {
  const kept = previous.reduce((sum, bit) => sum + bit, 0)
  const dropped = selectMask(scores, previous.length - kept + count, previous)
  // What is left of the candidates, after all but the best `count` are removed; the kept ones are no candidates.
  const candidates = dropped.map((bit) => 1 - bit)
  const grown = selectMask(growth, previous.length - count, candidates)
  return { mask: dropped.map((bit, index) => bit | (grown[index] ?? 0)), grown }
}

/** Share of the kept elements that is exchanged at `step`: α, or α/2 · (1 + cos(π · (step − begin) / (end − begin))). */
export function exchangeShare(
  { fraction, decay }: { readonly fraction: number; readonly decay: 'cosine' | 'constant' },
  { step, begin, end }: { readonly step: number; readonly begin: number; readonly end: number },
): number {
  if (decay === 'constant') return fraction
  const progress = end > begin ? Math.min(1, (step - begin) / (end - begin)) : 1
  return (fraction / 2) * (1 + Math.cos(Math.PI * progress))
}
