/** Training computes in float32. A positive number below this is 0 there, or a denormal number that the engine flushes to 0. */
export const SMALLEST_FLOAT32 = 1.1754944e-38

/** 1 − 2⁻²⁴: anything between it and 1 is 1 in float32. */
export const LARGEST_FLOAT32_BELOW_1 = 1 - 2 ** -24
