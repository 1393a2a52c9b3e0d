/** A number with three significant digits: `0.31`, `12300`, `1.2e-9`. */
export function show(value: number): string {
  return String(Number(value.toPrecision(3)))
}

/** A share with three significant digits, as `12.5 %`. What is not all or nothing is not told as 100 % or 0 %. */
export function percent(share: number): string {
  const shown = Number((share * 100).toPrecision(3))
  if (shown === 100 && share < 1) return 'more than 99.9 %'
  return `${shown} %`
}

/** A layer's name in quotes. */
export function quoted(name: string): string {
  return `'${name}'`
}
