import fc from 'fast-check'
import { expect, it } from 'vitest'
import { matches } from '../../src/planning/patterns.js'

const name = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 8 })
const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '-', '*'), maxLength: 8 })

it('agrees with the regular expression in which * is .*', () =>
  fc.assert(
    fc.property(pattern, name, (pattern, name) => {
      expect(matches(pattern, name)).toBe(new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name))
    }),
    { numRuns: 2000 },
  ))

it('takes other characters of regular expressions as they are', () => {
  expect(matches('dense.1', 'dense-1')).toBe(false)
  expect(matches('dense-*', 'dense-1')).toBe(true)
})

it('answers at once to a pattern that would stall a backtracking matcher', () => {
  const started = performance.now()
  expect(matches(`${'*a'.repeat(60)}b`, 'a'.repeat(64))).toBe(false)
  expect(performance.now() - started).toBeLessThan(50)
})
