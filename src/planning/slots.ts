import type { OptimizerKind, OptimizerOf, OptimizerSpec } from '../contracts/optimizer.js'
import type { TrainingJobSpec } from '../contracts/training-job-spec.js'

/** Numbers that an optimizer keeps for each weight. */
const SLOTS = {
  sgd: ({ momentum }) => (momentum > 0 ? 1 : 0),
  rmsprop: ({ momentum, centered }) => 1 + (momentum > 0 ? 1 : 0) + (centered ? 1 : 0),
  adagrad: () => 1,
  adadelta: () => 2,
  adam: ({ amsgrad }) => (amsgrad ? 3 : 2),
  adamw: ({ amsgrad }) => (amsgrad ? 3 : 2),
  adamax: () => 2,
  nadam: () => 2,
  lion: () => 1,
  ftrl: () => 2,
  // A row and a column of a matrix, a number each for vectors: one is an upper bound.
  adafactor: () => 1,
} satisfies { readonly [K in OptimizerKind]: (optimizer: OptimizerOf<K>) => number }

/** Numbers that training holds for each weight: itself, its gradient, slots, mask, average over the steps, accumulated gradient. */
export function copiesOf({ optimizer, pruning }: Pick<TrainingJobSpec, 'optimizer' | 'pruning'>): number {
  // The entry of a kind takes the optimizer of that kind, which a union of functions cannot say.
  const slots = (SLOTS[optimizer.kind] as (optimizer: OptimizerSpec) => number)(optimizer)
  return 2 + slots + (pruning ? 1 : 0) + (optimizer.ema ? 1 : 0) + (optimizer.accumulateSteps > 1 ? 1 : 0)
}
