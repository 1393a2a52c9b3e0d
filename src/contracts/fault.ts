import { LARGEST_FLOAT32_BELOW_1, SMALLEST_FLOAT32 } from './float32.js'

/** A keyword of JSON Schema that a value breaks, as TypeBox reports it. */
export interface Fault {
  readonly keyword: string
  readonly params: object
  readonly message: string
}

const LONGEST = 40

const TYPES: Readonly<Record<string, string>> = {
  integer: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
}

/** The type of JSON Schema in words. */
export function typeInWords(type: string): string {
  return TYPES[type] ?? type
}

/** A value in words, short enough for a message. JSON has no way to write infinity, but it can write 1e999. */
export function inWords(value: unknown): string {
  if (value === undefined) return 'missing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  if (typeof value === 'number' && !Number.isFinite(value)) return 'too large for one'
  const text = typeof value === 'string' && value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value
  return JSON.stringify(text)
}

/** Whether a number breaks the keyword by its size alone. */
export function isOfRange({ keyword }: Pick<Fault, 'keyword'>, value: unknown): boolean {
  if (typeof value !== 'number') return false
  return /^(exclusive)?(minimum|maximum)$/i.test(keyword) || (keyword === 'type' && !Number.isFinite(value))
}

/** What is wrong with `value`, and what it should be; `example` is one that is right. */
export function describeFault({ keyword, params, message }: Fault, value: unknown, example?: unknown): string {
  const member = (name: string): unknown => Object.entries(params).find(([key]) => key === name)?.[1]
  const limit = Number(member('limit'))
  switch (keyword) {
    case 'type':
      return `must be ${typeInWords(String(member('type')))}, is ${inWords(value)}${hintOfJson(member('type'), value)}`
    case 'minimum':
      return `must be ${atLeast(limit, Number(value))}, is ${inWords(value)}`
    case 'maximum':
      return `must be ${atMost(limit, Number(value))}, is ${inWords(value)}`
    case 'exclusiveMinimum':
      return `must be above ${limit}, is ${inWords(value)}`
    case 'exclusiveMaximum':
      return `must be below ${limit}, is ${inWords(value)}`
    case 'const':
      return `must be ${JSON.stringify(member('allowedValue'))}, is ${inWords(value)}`
    case 'pattern':
      return `must ${example === undefined ? `match ${String(member('pattern'))}` : `look like ${inWords(example)}`}, is ${inWords(value)}`
    case 'minLength':
      return `must have at least ${counted(limit, 'character')}, has ${sizeOf(value)}`
    case 'maxLength':
      return `must have at most ${counted(limit, 'character')}, has ${sizeOf(value)}`
    case 'minItems':
      return `must have at least ${counted(limit, 'entry')}, has ${sizeOf(value)}`
    case 'maxItems':
      return `must have at most ${counted(limit, 'entry')}, has ${sizeOf(value)}`
    case 'maxProperties':
      return `must have at most ${counted(limit, 'field')}, has ${sizeOf(value)}`
    case 'uniqueItems':
      return 'must not have an entry twice'
    default:
      return message
  }
}

/** Text where an object or a list is wanted is mostly that as text. */
function hintOfJson(type: unknown, value: unknown): string {
  const isJson = typeof value === 'string' && /^\s*[[{]/.test(value)
  return isJson && (type === 'object' || type === 'array') ? ': parse the text first, and send what it holds' : ''
}

function atLeast(limit: number, value: number): string {
  if (limit !== SMALLEST_FLOAT32) return `at least ${limit}`
  return value > 0 ? `at least ${limit}, the smallest that is not 0 in float32` : 'above 0'
}

function atMost(limit: number, value: number): string {
  if (limit !== LARGEST_FLOAT32_BELOW_1) return `at most ${limit}`
  return value < 1 ? `at most ${limit}, the largest below 1 in float32` : 'below 1'
}

function counted(count: number, noun: string): string {
  return `${count} ${count === 1 ? noun : noun.replace(/y$/, 'ie').concat('s')}`
}

/** Characters as JSON Schema counts them, entries, or fields. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return [...value].length
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0
}
