import type { LayersModel } from '../../contracts/model.js'

/** Which weights lie where below the group of a layer in model.weights.h5; `names` in the order of Keras. */
export function variablesOf(className: string, names: readonly string[]): [string, readonly string[]][] {
  switch (className) {
    case 'LSTM':
    case 'GRU':
    case 'SimpleRNN':
      return [['cell/vars', names]]
    case 'Bidirectional':
      return [
        ['forward_layer/cell/vars', names.filter((name) => name.includes('/forward-'))],
        ['backward_layer/cell/vars', names.filter((name) => name.includes('/backward-'))],
      ]
    case 'TimeDistributed':
      return [['layer/vars', names]]
    default:
      return [['vars', names]]
  }
}

/** Groups of layers of these classes, in their order: `layers/dense`, `layers/dense_1`, … */
export function groupsOf(classNames: readonly string[]): string[] {
  const seen = new Map<string, number>()
  return classNames.map((className) => {
    const base = snakeCase(className)
    const count = seen.get(base) ?? 0
    seen.set(base, count + 1)
    return `layers/${count === 0 ? base : `${base}_${count}`}`
  })
}

/** @see keras/src/utils/naming.py */
function snakeCase(name: string): string {
  return name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
}

/** What TensorFlow.js calls a weight: `lstm-1/recurrent_kernel`, `bidirectional-1/forward_lstm/kernel`. */
export function tfjsNameOf({ layers }: Pick<LayersModel, 'layers'>, weight: string): string {
  const at = weight.lastIndexOf('/')
  const [layer, own] = [weight.slice(0, at), weight.slice(at + 1)]
  const described = layers.find(({ name }) => name === layer)
  const side = /^(forward|backward)-(.+)$/.exec(own)
  const python = (name = '') => name.replaceAll('-', '_')
  if (described?.type !== 'bidirectional' || !side) return `${layer}/${python(own)}`
  return `${layer}/${side[1]}_${python(described.layer.type)}/${python(side[2])}`
}
