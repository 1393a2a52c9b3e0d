import { excerpt, inside, isJson, member, type Place, problemAt } from './json.js'

/**
 * Names of the layers that a layer of a Functional model takes. Keras 2: `[[["name", 0, 0, {}], …]]`; Keras 3:
 * `[{"args": […], "kwargs": {}}]` with tensors of class `__keras_tensor__`.
 * @throws SPEC_INVALID for a layer that is called twice, or with more than tensors.
 */
export function inbound(layer: unknown, place: Place): string[] {
  const nodes = member(layer, 'inbound_nodes')
  const at = inside(place, 'inbound_nodes')
  if (!Array.isArray(nodes) || nodes.length === 0)
    throw problemAt(at, 'is empty: every layer but the input needs one that it takes')
  if (nodes.length > 1)
    throw problemAt(
      at,
      `the layer is called ${nodes.length} times; shared layers are not supported: give each call its own layer`,
    )
  const node: unknown = nodes[0]
  const nodeAt = inside(at, 0)
  const className = member(layer, 'class_name')
  return isJson(node) ? fromCall(node, className, nodeAt) : fromList(node, className, nodeAt)
}

function fromCall(node: unknown, className: unknown, place: Place): string[] {
  refuseArguments(member(node, 'kwargs'), className, inside(place, 'kwargs'))
  const args = member(node, 'args')
  const at = inside(place, 'args')
  if (!Array.isArray(args) || args.length !== 1)
    throw problemAt(at, 'only calls with one argument, a tensor or a list of tensors, are supported')
  const first: unknown = args[0]
  const firstAt = inside(at, 0)
  if (!Array.isArray(first)) return [fromTensor(first, firstAt)]
  return first.map((tensor: unknown, index) => fromTensor(tensor, inside(firstAt, index)))
}

function fromTensor(tensor: unknown, place: Place): string {
  if (member(tensor, 'class_name') !== '__keras_tensor__')
    throw problemAt(place, `is ${excerpt(tensor)}; only the outputs of layers can be inputs of layers`)
  return firstOutput(
    member(member(tensor, 'config'), 'keras_history'),
    inside(inside(place, 'config'), 'keras_history'),
  )
}

function fromList(node: unknown, className: unknown, place: Place): string[] {
  if (!Array.isArray(node)) throw problemAt(place, 'must be a list of ["name", 0, 0, {}]')
  // A single input may stand without the list around it.
  const entries: unknown[] = typeof node[0] === 'string' ? [node] : node
  return entries.map((entry, index) => {
    const at = inside(place, index)
    if (Array.isArray(entry)) refuseArguments(entry[3] ?? {}, className, inside(at, 3))
    return firstOutput(entry, at)
  })
}

/** The layer of `[name, node, output]`. */
function firstOutput(history: unknown, place: Place): string {
  const [name, node, output]: unknown[] = Array.isArray(history) ? history : []
  if (typeof name !== 'string') throw problemAt(place, 'must begin with the name of a layer')
  if (node !== 0 || output !== 0)
    throw problemAt(
      place,
      `takes output ${excerpt(output)} of call ${excerpt(node)}; only the first output of the first call is supported`,
    )
  return name
}

/**
 * Arguments of a call besides tensors, such as `initial_state`. What is left open is none; nor is `training: false`, which Keras 3 writes for
 * layers whose `call` has it as the default. That of BatchNormalization has not: there it stands for statistics that are frozen.
 */
function refuseArguments(kwargs: unknown, className: unknown, place: Place): void {
  if (!isJson(kwargs)) throw problemAt(place, 'must be an object')
  for (const [name, value] of Object.entries(kwargs)) {
    const isOpen = value === null || (Array.isArray(value) && value.every((item) => item === null))
    const isDefault = name === 'training' && value === false && className !== 'BatchNormalization'
    if (!isOpen && !isDefault)
      throw problemAt(
        inside(place, name),
        `the layer is called with ${name}=${excerpt(value)}, which is not supported; leave it out`,
      )
  }
}
