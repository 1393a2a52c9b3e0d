import type { FieldError } from '../contracts/parse.js'
import { type Column, interleaved, quote } from './column.js'
import { cellError, invalid, type Table } from './csv.js'
import type { DatasetDraft } from './draft.js'
import { findColumn, findTargets, namesOf } from './table-roles.js'
import { type TableTask, targetOf } from './table-target.js'
import { weightsOf } from './table-weights.js'

export interface TableOptions {
  readonly name: string
  readonly fileName: string
  /** Name of the target column, or several as in the header of the file; default the last. */
  readonly target?: string | undefined
  /** Default: of one column, text and few whole numbers are classes; of several, 0 and 1 are labels; everything else is numbers. */
  readonly task?: TableTask | undefined
  /** Name of the column with the weight of each row; finite, ≥ 0, not all 0. */
  readonly weightColumn?: string | undefined
  /** Reshapes the feature columns, in row-major order; its product is their number. Default [columns]. */
  readonly exampleShape?: readonly number[] | undefined
}

const MAX_ERRORS = 20

/**
 * Splits a table in features [rows, …exampleShape], target and weights [rows].
 * @throws DATASET_INVALID that names row and column, or the option at fault
 */
export function tableToDataset(table: Table, options: TableOptions): DatasetDraft {
  const { columns, rows } = table
  const targets = findTargets(columns, options.target)
  const weights = options.weightColumn === undefined ? null : findColumn(columns, options.weightColumn, '/weightColumn')
  if (weights && targets.includes(weights))
    throw invalid([{ pointer: '/weightColumn', detail: `${quote(weights.name)} is a target already` }])
  const features = columns.filter((column) => column !== weights && !targets.includes(column))
  if (features.length === 0)
    throw invalid([{ pointer: '/file', detail: 'no column is left as a feature beside target and weights' }])
  const exampleShape = checkShape(options.exampleShape ?? [features.length], features)
  const errors = [...table.faults, ...features.flatMap(textErrors)]
  if (errors.length > 0) throw invalid(errors.slice(0, MAX_ERRORS))
  const { target, tensor, classCounts, labelRange } = targetOf(targets, table, options.task)
  return {
    name: options.name,
    source: `upload:${options.fileName}`,
    schema: {
      exampleShape: [...exampleShape],
      featureType: 'float32',
      columns: features.map((column) => column.name),
      target,
      targetColumns: targets.map((column) => column.name),
      trainRows: rows,
      testRows: 0,
      ...(classCounts && { classCounts }),
      ...(labelRange && { labelRange }),
      ...(weights && { hasWeights: true }),
    },
    tensors: {
      'train.features': { type: 'float32', shape: [rows, ...exampleShape], values: interleaved(features, rows) },
      'train.labels': tensor,
      ...(weights && { 'train.weights': weightsOf(weights, table) }),
    },
  }
}

function checkShape(shape: readonly number[], features: readonly Column[]): readonly number[] {
  const product = shape.reduce((size, extent) => size * extent, 1)
  if (product === features.length) return shape
  const detail = `[${shape.join(', ')}] takes ${product} feature columns; the file has ${features.length}: ${namesOf(features)}`
  throw invalid([{ pointer: '/exampleShape', detail }])
}

function textErrors(column: Column): FieldError[] {
  return column.text.first.map(({ cell, ...place }) =>
    cellError(place, column.name, `${quote(cell)} is not a number; only the target may be text`),
  )
}
