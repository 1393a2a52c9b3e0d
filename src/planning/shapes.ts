import type { Layer } from '../contracts/model.js'
import type { FieldError } from '../contracts/parse.js'
import { EspalierError } from '../errors.js'
import { INPUT, type Named, type WeightSpec } from './layers/connect.js'
import { connect } from './layers/registry.js'
import type { NamedModel } from './presets.js'
import { type Shape, show, sizeOf } from './shape.js'

export interface LayerDescription {
  readonly name: string
  readonly type: Layer['type']
  /** Names of the layers that it takes, or `input`. */
  readonly inputs: readonly [string, ...string[]]
  /** Of one example, without the batch axis, in the order of `inputs`. */
  readonly inputShapes: readonly [Shape, ...Shape[]]
  readonly outputShape: Shape
  /** Numbers that are trained. */
  readonly parameters: number
  /** By full name, such as `dense-1/kernel`. */
  readonly weights: Readonly<Record<string, WeightSpec>>
}

/** Layers with their names and, if they come from a spec, where each stands in it. */
type DescribedModel = NamedModel & { readonly pointers?: readonly string[] }

/**
 * Wiring, shapes and weights of every layer, in order.
 * @throws SPEC_INVALID with a pointer into the spec, such as `/model/layers/i`, at the first layer that does not connect, at names used twice, at inputs that name
 * no earlier layer, and at layers that nothing uses.
 */
export function describeLayers({ inputShape, layers, pointers = [] }: DescribedModel): LayerDescription[] {
  const pointerOf = (index: number) => pointers[index] ?? `/model/layers/${index}`
  const misnamed = wrongNames(layers, pointerOf)
  if (misnamed.length > 0) throw invalid(misnamed)
  const shapes = new Map<string, Shape>([[INPUT, inputShape]])
  const described = layers.map((layer, index) => {
    const [first = INPUT, ...others] = inputsOf(layers, index)
    const shapeOf = (name: string): Shape => shapes.get(name) ?? inputShape
    const inputShapes: [Shape, ...Shape[]] = [shapeOf(first), ...others.map(shapeOf)]
    const reject = (detail: string) =>
      invalid([{ pointer: pointerOf(index), detail: `layer '${layer.name}': ${detail}` }])
    const { outputShape, weights } = connect({ ...layer, inputs: [first, ...others] }, inputShapes, reject)
    if (outputShape.some((extent) => extent < 1)) throw reject(`its output would be ${show(outputShape)}`)
    shapes.set(layer.name, outputShape)
    const byName = Object.fromEntries(Object.entries(weights).map(([name, spec]) => [`${layer.name}/${name}`, spec]))
    return {
      name: layer.name,
      type: layer.type,
      inputs: [first, ...others] as const,
      inputShapes,
      outputShape,
      parameters: Object.values(weights).reduce((sum, spec) => sum + (spec.trainable ? sizeOf(spec.shape) : 0), 0),
      weights: byName,
    }
  })
  const unused = unusedLayers(described, pointerOf)
  if (unused.length > 0) throw invalid(unused)
  return described
}

/** The layer before, unless the layer says otherwise. */
function inputsOf(layers: readonly Named[], index: number): readonly string[] {
  return layers[index]?.inputs ?? [layers[index - 1]?.name ?? INPUT]
}

function wrongNames(layers: readonly Named[], pointerOf: (index: number) => string): FieldError[] {
  const position = new Map<string, number>()
  const found: FieldError[] = []
  layers.forEach(({ name }, index) => {
    const pointer = pointerOf(index)
    const first = position.get(name)
    if (name === INPUT) found.push({ pointer: `${pointer}/name`, detail: `'${INPUT}' is the name of the examples` })
    else if (first !== undefined)
      found.push({ pointer: `${pointer}/name`, detail: `layer ${first} is called '${name}' already` })
    inputsOf(layers, index).forEach((input, place) => {
      if (input !== INPUT && !position.has(input))
        found.push({
          pointer: `${pointer}/inputs/${place}`,
          detail: `'${input}' is neither '${INPUT}' nor the name of an earlier layer`,
        })
    })
    if (first === undefined) position.set(name, index)
  })
  return found
}

function unusedLayers(described: readonly LayerDescription[], pointerOf: (index: number) => string): FieldError[] {
  const used = new Set(described.flatMap(({ inputs }) => inputs))
  return described.slice(0, -1).flatMap(({ name }, index) =>
    used.has(name)
      ? []
      : [
          {
            pointer: pointerOf(index),
            detail: `layer '${name}' leads nowhere: no later layer has it as an input`,
          },
        ],
  )
}

function invalid(errors: FieldError[]): EspalierError {
  return new EspalierError('SPEC_INVALID', errors.map(({ detail }) => detail).join('; '), errors)
}
