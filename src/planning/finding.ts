import type { FieldError } from '../contracts/parse.js'

/** Something in a spec that keeps it from being planned: where it stands, what it is, and how to mend it. */
export interface Finding extends FieldError {
  readonly code: 'SPEC_INVALID' | 'SPEC_OUT_OF_RANGE'
}

export const invalid = (pointer: string, detail: string): Finding => ({ code: 'SPEC_INVALID', pointer, detail })
/** Of a number that would be right if it were smaller or larger. */
export const outOfRange = (pointer: string, detail: string): Finding => ({ code: 'SPEC_OUT_OF_RANGE', pointer, detail })
