const LARGE = 1e6
const SMALL = 1e-4

/** A number with three significant digits, with an exponent from 1e6 on and below 1e-4: `0.31`, `12300`, `5.34e13`, `1.2e-9`. */
export function show(value: number): string {
  const rounded = Number(value.toPrecision(3))
  const size = Math.abs(rounded)
  if (size === 0 || !Number.isFinite(size) || (size >= SMALL && size < LARGE)) return String(rounded)
  const [digits, exponent] = rounded.toExponential().split('e')
  return `${digits}e${Number(exponent)}`
}

/** A share with three significant digits, as `12.5 %`. What is not all or nothing is not told as 100 % or 0 %. */
export function percent(share: number): string {
  const shown = show(share * 100)
  return shown === '100' && share < 1 ? 'more than 99.9 %' : `${shown} %`
}

/** A layer's name in quotes. */
export function quoted(name: string): string {
  return `'${name}'`
}
