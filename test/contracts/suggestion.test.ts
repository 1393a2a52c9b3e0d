import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LOSSES } from '../../src/contracts/loss.js'
import { METRICS } from '../../src/contracts/metric-name.js'
import { nearestName } from '../../src/contracts/suggestion.js'

const NAMES = [...LOSSES, ...METRICS]

describe('nearestName', () => {
  it.each([
    ['mse', 'mean-squared-error'],
    ['rmse', 'root-mean-squared-error'],
    ['bce', 'binary-crossentropy'],
    ['acc', 'accuracy'],
    ['mean_squared_error', 'mean-squared-error'],
    ['MeanSquaredError', 'mean-squared-error'],
    ['acuracy', 'accuracy'], // one letter is missing
    ['hubre', 'huber'], // two are swapped
  ])('takes %s for %s', (given, name) => {
    expect(nearestName(given, NAMES)).toBe(name)
  })

  it.each(['', 'x', 'fancy', 'xyzzy', '-'])('finds none near %j', (given) => {
    expect(nearestName(given, NAMES)).toBeNull()
  })

  it('finds every name itself', () => {
    for (const name of NAMES) expect(nearestName(name, NAMES)).toBe(name)
  })

  it('finds a name of six letters or more after any two neighbours were swapped', () =>
    fc.assert(
      fc.property(fc.constantFrom('accuracy', 'perplexity', 'poisson'), fc.nat(), (name, at) => {
        const place = at % (name.length - 1)
        const swapped = name.slice(0, place) + name[place + 1] + name[place] + name.slice(place + 2)
        expect(nearestName(swapped, NAMES)).toBe(name)
      }),
    ))

  it('does not compare what is far too long', () => {
    const before = performance.now()
    expect(nearestName('a'.repeat(1_000_000), NAMES)).toBeNull()
    expect(performance.now() - before).toBeLessThan(1000)
  })
})
