import { conv, dense, flatten, output, pool } from './layers.js'
import type { Preset } from './preset.js'

/**
 * 784 – 300 ReLU – 100 ReLU – 10: 266,610 parameters. It is what the literature on pruning calls by this name, so it does not adapt to the data.
 * @see LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998.
 */
export const lenet300100: Preset = () => ({
  kind: 'layers',
  inputShape: [784],
  layers: [dense(300, 'relu'), dense(100, 'relu'), output(10)],
})

/** The variant of Caffe, without an activation after the convolutions: 431,080 parameters. It does not adapt to the data. */
export const lenet5: Preset = () => ({
  kind: 'layers',
  inputShape: [28, 28, 1],
  layers: [conv(20, 5), pool, conv(50, 5), pool, flatten, dense(500, 'relu'), output(10)],
})
