import fc from 'fast-check'
import type { StoredTensor, StoredTensors } from '../../src/formats/safetensors.js'

const shapes = fc.array(fc.nat(4), { maxLength: 3 })
const names = fc.stringMatching(/^[A-Za-z0-9_/.-]{1,12}$/).filter((name) => !name.startsWith('__'))

function tensor(): fc.Arbitrary<StoredTensor> {
  return shapes.chain((shape) => {
    const size = shape.reduce((product, extent) => product * extent, 1)
    const length = { minLength: size, maxLength: size }
    return fc.oneof(
      fc.float32Array(length).map((values) => ({ type: 'float32' as const, shape, values })),
      fc.int32Array(length).map((values) => ({ type: 'int32' as const, shape, values })),
      fc.uint8Array(length).map((values) => ({ type: 'uint8' as const, shape, values })),
    )
  })
}

/** Tensors of all types, of 0 to 64 elements, with NaN, infinities, −0 and subnormals among the floats. */
export function storedTensors(): fc.Arbitrary<StoredTensors> {
  return fc.dictionary(names, tensor(), { maxKeys: 6, noNullPrototype: true })
}
