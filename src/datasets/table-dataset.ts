import type { DatasetTarget } from '../contracts/dataset.js'
import type { FieldError } from '../contracts/parse.js'
import type { StoredTensor } from '../formats/safetensors.js'
import { type Column, MAX_CLASSES, quote } from './column.js'
import { cellError, invalid, type Table } from './csv.js'
import type { DatasetDraft } from './draft.js'

export interface TableOptions {
  readonly name: string
  readonly fileName: string
  /** Name of the target column; default the last. */
  readonly target?: string | undefined
  /** Default: text and whole numbers are classes, other numbers are numbers. */
  readonly task?: DatasetTarget['kind'] | undefined
}

const MAX_ERRORS = 20

/**
 * Splits a table in features [rows, columns] and target. Class i is the i-th label, in numeric order if all are numbers, else by code units.
 * @throws DATASET_INVALID that names row and column
 */
export function tableToDataset({ columns, rows }: Table, options: TableOptions): DatasetDraft {
  const target = findTarget(columns, options.target)
  const features = columns.filter((column) => column !== target)
  const errors = features.flatMap(textErrors)
  if (errors.length > 0) throw invalid(errors.slice(0, MAX_ERRORS))
  const task = options.task ?? inferTask(target)
  const labels = task === 'classes' ? asClasses(target) : asNumbers(target)
  return {
    name: options.name,
    source: `upload:${options.fileName}`,
    schema: {
      exampleShape: [features.length],
      featureType: 'float32',
      columns: features.map((column) => column.name),
      target: labels.target,
      trainRows: rows,
      testRows: 0,
    },
    tensors: { 'train.features': rowMajor(features, rows), 'train.labels': labels.tensor },
  }
}

function findTarget(columns: readonly Column[], name: string | undefined): Column {
  const target = name === undefined ? columns.at(-1) : columns.find((column) => column.name === name)
  if (target) return target
  const names = columns.slice(0, 20).map((column) => quote(column.name))
  throw invalid([
    {
      pointer: '/target',
      detail: `${quote(name ?? '')} is no column; the file has ${names.join(', ')}${columns.length > 20 ? ', …' : ''}`,
    },
  ])
}

function textErrors(column: Column): FieldError[] {
  return column.text.first.map(({ cell, ...place }) =>
    cellError(place, column.name, `${quote(cell)} is not a number; only the target may be text`),
  )
}

function inferTask(target: Column): DatasetTarget['kind'] {
  if (target.text.count > 0) return 'classes'
  return target.isWhole() && target.labels() !== null ? 'classes' : 'number'
}

function asNumbers(target: Column): { target: DatasetTarget; tensor: StoredTensor } {
  const errors = target.text.first.map(({ cell, ...place }) =>
    cellError(place, target.name, `${quote(cell)} is not a number, as task "number" needs`),
  )
  if (errors.length > 0) throw invalid(errors)
  const values = target.numbers().slice()
  return { target: { kind: 'number', size: 1 }, tensor: { type: 'float32', shape: [values.length, 1], values } }
}

function asClasses(target: Column): { target: DatasetTarget; tensor: StoredTensor } {
  const labels = target.labels()
  if (labels === null)
    throw invalid([
      { pointer: '/target', detail: `column ${quote(target.name)} has more than ${MAX_CLASSES} different labels` },
    ])
  const areNumbers = target.text.count === 0
  // `1`, `01` and `+1` are one class when all labels are numbers.
  const canonical = areNumbers ? labels.texts.map((text) => String(Number(text))) : labels.texts
  const names = [...new Set(canonical)].sort(areNumbers ? (a, b) => Number(a) - Number(b) : byCodeUnits)
  if (names.length < 2)
    throw invalid([
      {
        pointer: '/target',
        detail: `every row of column ${quote(target.name)} has the same label; two classes are needed (task "number" takes it as a number)`,
      },
    ])
  const index = new Map(names.map((name, position) => [name, position]))
  const classOf = canonical.map((name) => index.get(name) ?? 0)
  const values = labels.codes.map((code) => classOf[code] ?? 0)
  return { target: { kind: 'classes', names }, tensor: { type: 'int32', shape: [values.length], values } }
}

function rowMajor(columns: readonly Column[], rows: number): StoredTensor {
  const width = columns.length
  const values = new Float32Array(rows * width)
  for (const [index, column] of columns.entries()) {
    const numbers = column.numbers()
    for (let row = 0; row < rows; row++) values[row * width + index] = numbers[row] ?? 0
  }
  return { type: 'float32', shape: [rows, width], values }
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
