import type { Layer } from '../../contracts/model.js'
import { batchNormalization, conv, output, relu } from './layers.js'
import { type Preset, requireImages } from './preset.js'

const STAGES = [16, 32, 64]
const bare = { padding: 'same', useBias: false, kernelInitializer: 'he-normal' } as const

/**
 * Residual network of 6n + 2 layers: 3 × 3 convolution of 16 filters, three stages of n blocks with 16, 32 and 64 filters, global average
 * pooling, outputs. The second and third stage begin with strides 2 and a 1 × 1 convolution in the shortcut.
 * @see He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015, section 4.2.
 */
function resnet(name: string, blocks: number): Preset {
  return (data) => {
    requireImages(name, data)
    const layers: Layer[] = [
      ...normalized('stem', { filters: 16, size: 3, strides: 1 }),
      { ...relu, name: 'stem-relu' },
    ]
    let before = 'stem-relu'
    STAGES.forEach((filters, stage) => {
      for (let block = 0; block < blocks; block++) {
        const prefix = `stage${stage + 1}-block${block + 1}`
        layers.push(...residual(prefix, before, filters, stage > 0 && block === 0))
        before = `${prefix}-relu`
      }
    })
    layers.push({ type: 'global-average-pooling' }, output(data.outputs))
    return { kind: 'layers', inputShape: [...data.exampleShape], layers }
  }
}

/** relu(x + F(x)), F being two convolutions; a narrowing block halves height and width. */
function residual(prefix: string, before: string, filters: number, narrowing: boolean): Layer[] {
  const strides = narrowing ? 2 : 1
  const shortcut = narrowing ? normalized(`${prefix}-shortcut`, { filters, size: 1, strides }, before) : []
  return [
    ...normalized(`${prefix}-a`, { filters, size: 3, strides }, before),
    { ...relu, name: `${prefix}-a-relu` },
    ...normalized(`${prefix}-b`, { filters, size: 3, strides: 1 }),
    ...shortcut,
    {
      type: 'add',
      name: `${prefix}-add`,
      inputs: [`${prefix}-b-norm`, narrowing ? `${prefix}-shortcut-norm` : before],
    },
    { ...relu, name: `${prefix}-relu` },
  ]
}

/** A convolution without bias, whose outputs are normalized; of the layer before unless `input` names another. */
function normalized(
  prefix: string,
  { filters, size, strides }: { filters: number; size: number; strides: number },
  input?: string,
): Layer[] {
  const inputs = input === undefined ? {} : { inputs: [input] }
  return [
    conv(filters, size, { ...bare, strides, name: `${prefix}-conv`, ...inputs }),
    { ...batchNormalization, name: `${prefix}-norm` },
  ]
}

export const resnet8 = resnet('resnet-8', 1)
export const resnet20 = resnet('resnet-20', 3)
