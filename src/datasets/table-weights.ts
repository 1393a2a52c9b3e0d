import type { StoredTensor } from '../formats/safetensors.js'
import { type Column, quote } from './column.js'
import { cellError, invalid, type Table } from './csv.js'

const MAX_ERRORS = 20

/**
 * The weight of each row, float32 [rows].
 * @throws DATASET_INVALID for text, a weight below 0 (row and line named), or weights that are all 0
 */
export function weightsOf(column: Column, { placeOf }: Table): StoredTensor {
  const texts = column.text.first.map(({ cell, ...place }) =>
    cellError(place, column.name, `${quote(cell)} is not a number, as a weight must be`),
  )
  if (texts.length > 0) throw invalid(texts)
  const values = column.numbers().slice()
  const errors = []
  for (const [index, value] of values.entries()) {
    if (value < 0 && errors.length < MAX_ERRORS)
      errors.push(cellError(placeOf(index + 1), column.name, `the weight ${value} is below 0`))
  }
  if (errors.length > 0) throw invalid(errors)
  if (values.every((value) => value === 0)) {
    const detail = `every weight in column ${quote(column.name)} is 0: nothing would be learned`
    throw invalid([{ pointer: '/weightColumn', detail }])
  }
  return { type: 'float32', shape: [values.length], values }
}
