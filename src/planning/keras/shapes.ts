import type { LayersModel } from '../../contracts/model.js'
import { INPUT } from '../layers/connect.js'
import { connect } from '../layers/registry.js'
import { type Shape, show } from '../shape.js'
import { inside, member, problemAt } from './json.js'
import { axisOf } from './keys.js'
import type { KerasNode } from './topology.js'

/** @throws SPEC_INVALID at the layer of the topology that does not connect, or that normalizes over another axis than the last. */
export function connectAll({ inputShape, layers }: LayersModel, nodes: readonly KerasNode[]): void {
  const shapes = new Map<string, Shape>([[INPUT, inputShape]])
  let before: string = INPUT
  layers.forEach((layer, index) => {
    const node = nodes[index]
    if (node === undefined) return
    const name = layer.name ?? node.name
    const [first = before, ...others] = layer.inputs ?? []
    const shapeOf = (input: string): Shape => shapes.get(input) ?? inputShape
    const input = shapeOf(first)
    const reject = (detail: string) => problemAt(node.place, `layer '${node.name}': ${detail}`)
    refuseOtherAxes(node, layer.type, input)
    const { outputShape } = connect({ ...layer, name }, [input, ...others.map(shapeOf)], reject)
    shapes.set(name, outputShape)
    before = name
  })
}

function refuseOtherAxes({ value, place }: KerasNode, type: string, input: Shape): void {
  if (type !== 'batch-normalization' && type !== 'layer-normalization') return
  const axis = axisOf(member(member(value, 'config'), 'axis') ?? -1)
  if (axis !== -1 && axis !== input.length)
    throw problemAt(
      inside(inside(place, 'config'), 'axis'),
      `is ${axis}; only the last axis is supported, which is ${input.length} for examples of shape ${show(input)}`,
    )
}
