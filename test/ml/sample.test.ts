import { expect, it } from 'vitest'
import { draw } from '../../src/ml/sample.js'

it.each([
  [1, 0.3, 1], // shares 1/4 and 3/4
  [2, 0.3, 0], // 1 : √3, so 0.366 and 0.634
  [0.5, 0.09, 0], // 1 : 9
  [0.5, 0.11, 1],
  [0, 0, 1],
])('at temperature %d, chance %d of logits 0 and ln 3 is token %d', (temperature, chance, token) => {
  expect(draw(Float32Array.of(0, Math.log(3)), temperature, chance)).toBe(token)
})
