import type { OptimizerKind, OptimizerOf, OptimizerSpec } from '../../contracts/optimizer.js'
import { makeAdadelta } from './adadelta.js'
import { makeAdafactor } from './adafactor.js'
import { makeAdagrad } from './adagrad.js'
import { makeAdam } from './adam.js'
import { makeAdamax } from './adamax.js'
import { makeFtrl } from './ftrl.js'
import { makeLion } from './lion.js'
import { makeNadam } from './nadam.js'
import type { Optimizer } from './optimizer.js'
import { makeRmsProp } from './rmsprop.js'
import { makeSgd } from './sgd.js'

const makers = {
  sgd: makeSgd,
  rmsprop: makeRmsProp,
  adagrad: makeAdagrad,
  adadelta: makeAdadelta,
  adam: makeAdam,
  adamw: makeAdam,
  adamax: makeAdamax,
  nadam: makeNadam,
  lion: makeLion,
  ftrl: makeFtrl,
  adafactor: makeAdafactor,
} satisfies { [Kind in OptimizerKind]: (spec: OptimizerOf<Kind>) => Optimizer }

/**
 * The rule that a spec asks for. What all optimizers have in common is not its business: the learning rate (learning-rate.ts), the penalties
 * (l2.ts, weight-decay.ts), the average (ema.ts).
 */
export function makeOptimizer(spec: OptimizerSpec): Optimizer {
  const make = makers[spec.kind] as (spec: OptimizerSpec) => Optimizer // the maker of a kind takes specs of that kind
  return make(spec)
}
