import type { LayerOf } from '../../contracts/model.js'
import { pair, show, sizeOf } from '../shape.js'
import { extentsOf, IMAGE, TIME } from './axes.js'
import type { Connect } from './connect.js'

export const flatten: Connect<LayerOf<'flatten'>> = (_, [input]) => ({ outputShape: [sizeOf(input)], weights: {} })

export const reshape: Connect<LayerOf<'reshape'>> = ({ targetShape }, [input], reject) => {
  const size = sizeOf(input)
  const known = sizeOf(targetShape.filter((extent) => extent !== -1))
  const open = targetShape.filter((extent) => extent === -1).length
  if (open > 1 || targetShape.includes(0))
    throw reject(`targetShape ${show(targetShape)} must consist of positive extents and at most one −1`)
  if (open === 1 ? size % known > 0 : size !== known)
    throw reject(
      `targetShape ${show(targetShape)} has ${open === 1 ? 'a multiple of ' : ''}${known} numbers but its input ${show(input)} has ${size}`,
    )
  return { outputShape: targetShape.map((extent) => (extent === -1 ? size / known : extent)), weights: {} }
}

export const permute: Connect<LayerOf<'permute'>> = ({ dims }, [input], reject) => {
  const inOrder = [...dims].sort((one, other) => one - other)
  if (dims.length !== input.length || inOrder.some((axis, place) => axis !== place + 1))
    throw reject(
      `dims must name each of the ${input.length} axes of its input ${show(input)} once, from 1; they are ${show(dims)}`,
    )
  return { outputShape: dims.map((axis) => input[axis - 1] ?? 1), weights: {} }
}

export const repeatVector: Connect<LayerOf<'repeat-vector'>> = ({ times }, [input], reject) => {
  const [features] = extentsOf(input, ['features'], 'repeat-vector', reject)
  return { outputShape: [times, features], weights: {} }
}

type Margins = LayerOf<'cropping2d'>['cropping']
/** Rows and columns that both sides of an image have together. */
function marginsOf(margins: Margins): readonly [number, number] {
  if (typeof margins === 'number') return [2 * margins, 2 * margins]
  const [[top, bottom], [left, right]] = margins
  return [top + bottom, left + right]
}

export const zeroPadding2d: Connect<LayerOf<'zero-padding2d'>> = ({ padding }, [input], reject) => {
  const [height, width, channels] = extentsOf(input, IMAGE, 'zero-padding2d', reject)
  const [rows, columns] = marginsOf(padding)
  return { outputShape: [height + rows, width + columns, channels], weights: {} }
}

export const cropping2d: Connect<LayerOf<'cropping2d'>> = ({ cropping }, [input], reject) => {
  const [height, width, channels] = extentsOf(input, IMAGE, 'cropping2d', reject)
  const [rows, columns] = marginsOf(cropping)
  if (rows >= height || columns >= width)
    throw reject(`it crops ${rows} rows and ${columns} columns off its input ${show(input)}, which leaves nothing`)
  return { outputShape: [height - rows, width - columns, channels], weights: {} }
}

export const upSampling1d: Connect<LayerOf<'up-sampling1d'>> = ({ size }, [input], reject) => {
  const [time, features] = extentsOf(input, TIME, 'up-sampling1d', reject)
  return { outputShape: [time * size, features], weights: {} }
}

export const upSampling2d: Connect<LayerOf<'up-sampling2d'>> = ({ size }, [input], reject) => {
  const [height, width, channels] = extentsOf(input, IMAGE, 'up-sampling2d', reject)
  const [down, right] = pair(size)
  return { outputShape: [height * down, width * right, channels], weights: {} }
}

export const masking: Connect<LayerOf<'masking'>> = (_, [input], reject) => {
  const outputShape = extentsOf(input, TIME, 'masking', reject)
  return { outputShape, weights: {} }
}
