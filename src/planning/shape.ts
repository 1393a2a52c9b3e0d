/** Extents of an example, without the batch axis. */
export type Shape = readonly number[]

export const sizeOf = (shape: Shape): number => shape.reduce((product, extent) => product * extent, 1)
export const show = (shape: Shape): string => `[${shape.join(', ')}]`
export const biasOf = (layer: string): string => `${layer}/bias`
export const pair = (window: number | readonly [number, number]): readonly [number, number] =>
  typeof window === 'number' ? [window, window] : window
