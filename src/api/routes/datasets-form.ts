import { type Static, Type } from 'typebox'
import { SequenceLength, TestFraction } from '../../contracts/dataset.js'
import { type FieldError, parse } from '../../contracts/parse.js'
import type { EspalierError } from '../../errors.js'
import { fieldProblem } from '../field-problem.js'
import { findUnstorable } from '../storable.js'

const strict = { additionalProperties: false }
const name = Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Default: the name of the file' }))

const TableFields = Type.Object(
  {
    name,
    target: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 4096,
        description: 'Its column, or several with commas between them as in the header; default the last',
      }),
    ),
    task: Type.Optional(
      Type.Enum(['classes', 'number', 'labels'], {
        description:
          'Default: text and few different whole numbers are class labels, several columns of 0 and 1 are labels of which any number hold, other numbers are to be predicted as they are; where whole numbers may be classes or a quantity, it is asked for',
      }),
    ),
    weightColumn: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'Column of the weight of each row: ≥ 0, not all 0' }),
    ),
    exampleShape: Type.Optional(
      Type.String({
        pattern: '^[1-9][0-9]{0,4}(,[1-9][0-9]{0,4}){0,3}$',
        examples: ['28,28,1'],
        description: 'Sizes with commas between them, such as 28,28: the feature columns as a sequence or an image',
      }),
    ),
  },
  strict,
)
const TextFields = Type.Object(
  {
    name,
    sequenceLength: Type.Optional(Type.Integer({ ...SequenceLength, description: 'Characters a window; default 64' })),
    testFraction: Type.Optional(
      Type.Number({ ...TestFraction, description: 'Share of the text, its end, kept for tests; default 0.1' }),
    ),
  },
  strict,
)

/** How the form looks in the contract; the parts are read as a stream. */
export const DatasetUpload = Type.Object({
  ...TableFields.properties,
  ...TextFields.properties,
  file: Type.String({
    format: 'binary',
    description:
      'CSV in UTF-8, whose first line names the columns; or text in UTF-8 (text/plain or `.txt`), of which the next character is predicted',
  }),
})

/** @throws REQUEST_INVALID that names the field */
export function readTableFields(fields: Readonly<Record<string, unknown>>) {
  const { exampleShape, ...rest } = check(TableFields, fields)
  return { ...rest, exampleShape: exampleShape?.split(',').map(Number) }
}

/** @throws REQUEST_INVALID that names the field */
export function readTextFields(fields: Readonly<Record<string, unknown>>): Static<typeof TextFields> {
  const numbers = ['sequenceLength', 'testFraction'].flatMap((field) => {
    const text = fields[field]
    return typeof text === 'string' && /^\d+(\.\d+)?$/.test(text) ? [[field, Number(text)]] : []
  })
  return check(TextFields, { ...fields, ...Object.fromEntries(numbers) })
}

function check<S extends typeof TableFields | typeof TextFields>(schema: S, fields: unknown): Static<S> {
  const unstorable = findUnstorable(fields)
  if (unstorable) throw formProblem([unstorable])
  const parsed = parse(schema, fields)
  if (!parsed.ok) throw formProblem(parsed.errors.map(withFile))
  return parsed.value
}

export function formProblem(errors: readonly FieldError[]): EspalierError {
  return fieldProblem('REQUEST_INVALID', errors, 'the form')
}

/** The file is no field, but it is a part of the form. */
function withFile({ pointer, detail }: FieldError): FieldError {
  return { pointer, detail: detail.replace(/^(unknown field.*; expected one of: .*)$/, '$1, file') }
}
