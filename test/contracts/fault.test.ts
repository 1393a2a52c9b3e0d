import { Type } from 'typebox'
import { expect, it } from 'vitest'
import { parse } from '../../src/contracts/parse.js'

const detailOf = (schema: Parameters<typeof parse>[0], value: unknown) => {
  const parsed = parse(schema, value)
  return parsed.ok ? 'nothing' : parsed.errors[0]?.detail
}

it.each<[string, Parameters<typeof parse>[0], unknown, string]>([
  ['a number below', Type.Number({ minimum: 1 }), 0, 'must be at least 1, is 0'],
  ['a number above', Type.Number({ maximum: 1 }), 2, 'must be at most 1, is 2'],
  ['a number at an open bound', Type.Number({ exclusiveMaximum: 1 }), 1, 'must be below 1, is 1'],
  ['a number at an open lower bound', Type.Number({ exclusiveMinimum: 0 }), 0, 'must be above 0, is 0'],
  ['a fraction', Type.Integer(), 1.5, 'must be a whole number, is 1.5'],
  ['1e999', Type.Number(), Number.POSITIVE_INFINITY, 'must be a number, is too large for one'],
  ['text for a number', Type.Number(), '1', 'must be a number, is "1"'],
  ['null', Type.Boolean(), null, 'must be true or false, is null'],
  ['a list for an object', Type.Object({}), [1], 'must be an object, is a list'],
  ['an object for text', Type.String(), {}, 'must be text, is an object'],
  ['another constant', Type.Literal('a'), 'b', 'must be "a", is "b"'],
  ['text in another form', Type.String({ pattern: '^a' }), 'b', 'must match ^a, is "b"'],
  ['no text', Type.String({ minLength: 1 }), '', 'must have at least 1 character, has 0'],
  [
    'too much text, in characters and not in units',
    Type.String({ maxLength: 1 }),
    '𝄞𝄞',
    'must have at most 1 character, has 2',
  ],
  ['too few entries', Type.Array(Type.Number(), { minItems: 2 }), [1], 'must have at least 2 entries, has 1'],
  ['too many entries', Type.Array(Type.Number(), { maxItems: 1 }), [1, 2], 'must have at most 1 entry, has 2'],
  ['an entry twice', Type.Array(Type.Number(), { uniqueItems: true }), [1, 1], 'must not have an entry twice'],
  [
    'too many fields',
    Type.Record(Type.String(), Type.Number(), { maxProperties: 1 }),
    { a: 1, b: 2 },
    'must have at most 1 field, has 2',
  ],
  ['a pair of three', Type.Tuple([Type.Number(), Type.Number()]), [1, 2, 3], 'must have 2 entries, has 3'],
])('says what is wrong with %s', (_, schema, value, detail) => {
  expect(detailOf(schema, value)).toBe(detail)
})

it('shows only the beginning of a long text', () => {
  expect(detailOf(Type.Number(), 'x'.repeat(10_000))).toMatch(/^must be a number, is "x{20,60}…"$/)
})
