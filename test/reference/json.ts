/** Reading of reference files (format: README.md). Every function throws if the file has another form than the caller expects. */
export type Json = Readonly<Record<string, unknown>>

export interface ReferenceTensor {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

export interface ReferenceCase {
  readonly name: string
  readonly kind: string | null
  readonly input: Json
  readonly params: Json
  readonly expected: Json
  readonly tolerance: Json
}

export interface ReferenceFile {
  /** The whole file, for what stands beside the cases: `gradients`, `data`. */
  readonly content: Json
  readonly cases: readonly ReferenceCase[]
}

export function parseFile(text: string): ReferenceFile {
  const content = asRecord(JSON.parse(text), 'file')
  const tolerance = content.tolerance === undefined ? {} : asRecord(content.tolerance, 'tolerance')
  const cases = asList(content.cases, 'cases').map((entry, index) => {
    const value = asRecord(entry, `case ${index}`)
    return {
      name: asText(value.name, 'name'),
      kind: value.kind === undefined ? null : asText(value.kind, 'kind'),
      input: asRecord(value.input, 'input'),
      params: asRecord(value.params, 'params'),
      expected: asRecord(value.expected, 'expected'),
      tolerance: { ...tolerance, ...(value.tolerance === undefined ? {} : asRecord(value.tolerance, 'tolerance')) },
    }
  })
  return { content, cases }
}

export function asRecord(value: unknown, what = 'value'): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${what} is not an object`)
  return value as Json // an object of unknown values is what was checked
}

export function asList(value: unknown, what = 'value'): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${what} is not a list`)
  return value
}

export function asText(value: unknown, what = 'value'): string {
  if (typeof value !== 'string') throw new Error(`${what} is not text`)
  return value
}

/** A number, or one of the strings that stand for what JSON lacks. */
export function asNumber(value: unknown, what = 'value'): number {
  if (value === 'NaN') return Number.NaN
  if (value === 'Infinity') return Number.POSITIVE_INFINITY
  if (value === '-Infinity') return Number.NEGATIVE_INFINITY
  if (typeof value !== 'number') throw new Error(`${what} is not a number`)
  return value
}

export function asNumbers(value: unknown, what = 'value'): number[] {
  return asList(value, what).map((entry) => asNumber(entry, what))
}

export function asTensor(value: unknown, what = 'tensor'): ReferenceTensor {
  const { shape, data } = asRecord(value, what)
  return { shape: asNumbers(shape, `${what}.shape`), data: asNumbers(data, `${what}.data`) }
}

export function asTensors(value: unknown, what = 'tensors'): ReferenceTensor[] {
  return asList(value, what).map((entry) => asTensor(entry, what))
}
