import { Type } from 'typebox'
import { ACTIVATIONS, Extent, initializerField, strict, useBias, wiring } from './fields.js'

const elementwise = ACTIVATIONS.filter((name) => name !== 'softmax' && name !== 'log-softmax')
const $id = 'ElementwiseActivation'
const activation = Type.Enum([...elementwise], { default: 'tanh', $id })
const recurrentActivation = Type.Enum([...elementwise], { default: 'sigmoid', description: 'Of the gates', $id })
const recurrence = {
  units: Extent('Outputs'),
  activation,
  useBias,
  returnSequences: Type.Boolean({ default: false, description: '[time, units] instead of the last [units]' }),
  goBackwards: Type.Boolean({ default: false, description: 'From the last step to the first' }),
  kernelInitializer: initializerField(),
  recurrentInitializer: initializerField('orthogonal'),
}
const rnn = { type: Type.Literal('simple-rnn'), ...recurrence }
const lstm = {
  type: Type.Literal('lstm'),
  ...recurrence,
  recurrentActivation,
  unitForgetBias: Type.Boolean({ default: true, description: 'The bias of the forget gate begins at 1' }),
}
const gru = {
  type: Type.Literal('gru'),
  ...recurrence,
  recurrentActivation,
  resetAfter: Type.Boolean({ default: true, description: 'Reset after the product, with a bias of its own' }),
}

export const SimpleRnnLayer = Type.Object(
  { ...rnn, ...wiring },
  { ...strict, description: 'h ← activation(x · kernel + h · recurrent-kernel + bias); x [time, features]' },
)
export const LstmLayer = Type.Object(
  { ...lstm, ...wiring },
  { ...strict, description: 'Gates in the order input, forget, cell, output' },
)
export const GruLayer = Type.Object(
  { ...gru, ...wiring },
  { ...strict, description: 'Gates in the order update, reset, candidate' },
)
export const BidirectionalLayer = Type.Object(
  {
    type: Type.Literal('bidirectional'),
    ...wiring,
    layer: Type.Union([Type.Object(rnn, strict), Type.Object(lstm, strict), Type.Object(gru, strict)], {
      $id: 'RecurrentLayer',
    }),
    mergeMode: Type.Enum(['concat', 'sum', 'multiply', 'average'], { default: 'concat' }),
  },
  { ...strict, description: 'One copy of the layer forwards and one backwards' },
)
