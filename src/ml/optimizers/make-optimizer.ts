import type { OptimizerSpec } from '../../contracts/optimizer.js'
import { makeAdam } from './adam.js'
import type { Optimizer } from './optimizer.js'
import { makeSgd } from './sgd.js'

/** The optimizer that a spec asks for. The learning rate and the L2 penalty are not its business: see learning-rate.ts and l2.ts. */
export function makeOptimizer(spec: OptimizerSpec): Optimizer {
  switch (spec.kind) {
    case 'sgd':
      return makeSgd(spec)
    case 'adam':
      return makeAdam(spec)
  }
}
