import type { LayersModel } from '../../contracts/model.js'
import { EspalierError } from '../../errors.js'
import { type Shape, show } from '../shape.js'

/** What a preset needs to know of the data. */
export interface DataShape {
  /** Of one example: [features], [time], [time, features] or [height, width, channels]. */
  readonly exampleShape: Shape
  /** Classes, numbers or labels an example; the vocabulary if the next token is predicted. */
  readonly outputs: number
  /** Number of ids, if the examples are ids. */
  readonly vocabulary?: number
}

/** @throws SPEC_INVALID at `/model/name`, if the preset cannot work on such data. */
export type Preset = (data: DataShape) => LayersModel

/** The error for data that a preset cannot work on. */
export function unfit(
  preset: string,
  takes: string,
  { exampleShape, vocabulary }: DataShape,
  remedy: string,
): EspalierError {
  const kind = vocabulary === undefined ? '' : `ids below ${vocabulary} of shape `
  const detail = `${preset} takes ${takes}, an example of the dataset is ${kind}${show(exampleShape)}; ${remedy}`
  return new EspalierError('SPEC_INVALID', detail, [{ pointer: '/model/name', detail }])
}

/** @throws SPEC_INVALID unless the data are images. */
export function requireImages(preset: string, data: DataShape): void {
  if (data.exampleShape.length !== 3 || data.vocabulary !== undefined)
    throw unfit(preset, 'images [height, width, channels]', data, 'use the preset mlp, or a model of kind layers')
}

/** The vocabulary and the length of texts. @throws SPEC_INVALID unless the data are ids. */
export function requireIds(preset: string, data: DataShape): { vocabulary: number; exampleShape: number[] } {
  const { vocabulary, exampleShape } = data
  if (vocabulary === undefined || exampleShape.length !== 1)
    throw unfit(preset, 'texts, as ids [time]', data, 'use a text dataset, or another preset')
  return { vocabulary, exampleShape: [...exampleShape] }
}
