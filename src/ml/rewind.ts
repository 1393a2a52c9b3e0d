import type { StoredTensors } from '../formats/safetensors.js'
import type { Session } from './engine/types.js'
import { initialEma } from './optimizers/ema.js'
import { makeOptimizer } from './optimizers/make-optimizer.js'
import { rewindOf, type StepParts } from './state.js'

/** Keeps the weights and moving statistics of now, to go back to. */
export function remember({ model }: StepParts, session: Session): void {
  const values = session.get([...Object.keys(model.parameters), ...Object.keys(model.moments)])
  session.set(Object.fromEntries(Object.entries(values).map(([name, value]) => [rewindOf(name), value])))
}

/**
 * The state as it was when it was kept: weights, moving statistics and averages; optimizer slots as before a first step.
 * @see Frankle et al., "Linear mode connectivity and the lottery ticket hypothesis", 2020.
 */
export function rewound({ model, spec }: StepParts, state: StoredTensors): StoredTensors {
  const kept = (names: readonly string[]) =>
    Object.fromEntries(
      names.flatMap((name) => {
        const value = state[rewindOf(name)]
        return value ? [[name, value]] : []
      }),
    )
  const params = kept(Object.keys(model.parameters))
  return {
    ...params,
    ...kept(Object.keys(model.moments)),
    ...makeOptimizer(spec.optimizer).init(params),
    ...(spec.optimizer.ema ? initialEma(params) : {}),
  }
}
