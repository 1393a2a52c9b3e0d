import { expect, it } from 'vitest'
import { afterGradient, nextLossScale } from './non-finite-policies.js'

it('afterGradient lets the error after the last tolerated one in a row through', () => {
  let counts = { consecutive: 0, total: 0 }
  const applied = [true, false, false, false, true].map((finite) => {
    const { isApplied, ...next } = afterGradient(counts, finite, 2)
    counts = next
    return isApplied
  })
  expect(applied).toEqual([true, false, false, true, true])
  expect(counts).toEqual({ consecutive: 0, total: 3 })
})

it('nextLossScale doubles after finite steps in a row and halves after one that is not', () => {
  let loss = { scale: 8, finiteSteps: 0 }
  const scales = [true, true, true, false, true].map((finite) => {
    loss = nextLossScale(loss, finite, 2)
    return loss.scale
  })
  expect(scales).toEqual([8, 16, 16, 8, 8])
})
