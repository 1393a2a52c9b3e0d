import type { DatasetTarget } from '../contracts/dataset.js'
import type { FieldError } from '../contracts/parse.js'
import type { StoredTensor } from '../formats/safetensors.js'
import { countClasses } from './class-counts.js'
import { type Column, interleaved, MAX_CLASSES, quote } from './column.js'
import { cellError, invalid, type Table } from './csv.js'

/** What the target of a table can be. */
export type TableTask = Exclude<DatasetTarget['kind'], 'tokens'>

export interface TableTarget {
  readonly target: DatasetTarget
  readonly tensor: StoredTensor
  /** Only of classes: rows of each. */
  readonly classCounts?: number[]
  /** Only of numbers. */
  readonly labelRange?: { minimum: number; maximum: number }
}

const MAX_ERRORS = 20
/** Up to so many different whole numbers are classes, however many rows have them … */
const FEW_CLASSES = 10
/** … and up to so many if most of them have more rows than `RARE_ROWS`. */
const MANY_CLASSES = 50
const RARE_ROWS = 2

/**
 * Classes int32 [rows], in numeric order if all labels are numbers, else by code units; numbers float32 [rows, targets]; labels float32
 * [rows, targets] of 0 and 1. Without a task: text and few whole numbers are classes, several columns of 0 and 1 labels, the rest numbers.
 * @throws DATASET_INVALID that names row and column, or asks for the task where whole numbers may be either
 */
export function targetOf(targets: readonly Column[], table: Table, task = inferTask(targets)): TableTarget {
  if (task !== 'classes') return task === 'number' ? asNumbers(targets, table) : asLabels(targets, table)
  const [target] = targets
  if (target && targets.length === 1) return asClasses(target)
  const detail = `"classes" takes one target column, and there are ${targets.length}; several columns of 0 and 1 are task "labels"`
  throw invalid([{ pointer: '/task', detail }])
}

function inferTask(targets: readonly Column[]): TableTask {
  const [target] = targets
  if (target && targets.length === 1) return inferOne(target)
  return targets.every((column) => column.isWhole() && column.numbers().every(isZeroOrOne)) ? 'labels' : 'number'
}

/**
 * Whole numbers may be classes or a quantity. Few different ones are classes; too many for classes are a quantity; between them the file
 * alone does not tell.
 */
function inferOne(target: Column): TableTask {
  if (target.text.count > 0) return 'classes'
  const labels = target.isWhole() ? target.labels() : null
  if (labels === null) return 'number'
  const counts = countClasses(labels.codes, labels.texts.length)
  const rare = counts.filter((count) => count <= RARE_ROWS).length
  const isClear = counts.length <= FEW_CLASSES || (counts.length <= MANY_CLASSES && rare <= counts.length / 2)
  if (isClear) return 'classes'
  const detail = `column ${quote(target.name)} has ${counts.length} different whole numbers in ${labels.codes.length} rows, which may be classes or a quantity: give task "number" to predict the number, or "classes"`
  throw invalid([{ pointer: '/task', detail }])
}

function asNumbers(targets: readonly Column[], { rows }: Table): TableTarget {
  refuseText(targets, 'number')
  const values = interleaved(targets, rows)
  return {
    target: { kind: 'number', size: targets.length },
    tensor: { type: 'float32', shape: [rows, targets.length], values },
    labelRange: {
      minimum: values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY),
      maximum: values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY),
    },
  }
}

function asLabels(targets: readonly Column[], { rows, placeOf }: Table): TableTarget {
  refuseText(targets, 'labels')
  const values = interleaved(targets, rows)
  const errors: FieldError[] = []
  for (const [index, value] of values.entries()) {
    if (isZeroOrOne(value) || errors.length === MAX_ERRORS) continue
    const place = placeOf(Math.floor(index / targets.length) + 1)
    const column = targets[index % targets.length]?.name ?? ''
    errors.push(cellError(place, column, `the label ${value} is neither 0 nor 1, as task "labels" needs`))
  }
  if (errors.length > 0) throw invalid(errors)
  return {
    target: { kind: 'labels', names: targets.map((column) => column.name) },
    tensor: { type: 'float32', shape: [rows, targets.length], values },
  }
}

function isZeroOrOne(value: number): boolean {
  return value === 0 || value === 1
}

function refuseText(targets: readonly Column[], task: TableTask): void {
  const errors = targets.flatMap((column) =>
    column.text.first.map(({ cell, ...place }) =>
      cellError(place, column.name, `${quote(cell)} is not a number, as task "${task}" needs`),
    ),
  )
  if (errors.length > 0) throw invalid(errors.slice(0, MAX_ERRORS))
}

function asClasses(target: Column): TableTarget {
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
  return {
    target: { kind: 'classes', names },
    tensor: { type: 'int32', shape: [values.length], values },
    classCounts: countClasses(values, names.length),
  }
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
