import type { ReferenceCase, ReferenceFile } from './json.js'

/**
 * What became of a case. `unsupported`: Espalier has no such feature yet (grouped by `feature` in the report); `documentation`: the
 * README says that the expected values are no target. A mismatch is thrown.
 */
export type Outcome =
  | { readonly kind: 'passed'; readonly note?: string }
  | { readonly kind: 'unsupported'; readonly feature: string }
  | { readonly kind: 'documentation'; readonly feature: string }

export type CaseRunner = (reference: ReferenceCase, file: ReferenceFile) => Outcome

export const passed: Outcome = { kind: 'passed' }
/** Passed, with what the reader should know: a documented deviation, or expected values that nothing here computes. */
export const passedWith = (note: string): Outcome => ({ kind: 'passed', note })
export const unsupported = (feature: string): Outcome => ({ kind: 'unsupported', feature })
export const documentation = (feature: string): Outcome => ({ kind: 'documentation', feature })
