export type Alignment = 'left' | 'right'

/** Columns padded to their widest cell, two blanks between; by default the first column to the left, the others to the right. */
export function formatTable(rows: readonly (readonly string[])[], alignments: readonly Alignment[] = ['left']): string {
  const widths: number[] = []
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  const pad = (cell: string, column: number) => {
    const width = widths[column] ?? 0
    return alignments[column] === 'left' ? cell.padEnd(width) : cell.padStart(width)
  }
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')
}

export function percent(share: number, digits = 2): string {
  return `${(share * 100).toFixed(digits)} %`
}

export function count(value: number): string {
  return value.toLocaleString('en-US')
}
