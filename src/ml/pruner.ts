import type { PruningSpec } from '../contracts/pruning.js'
import type { StoredTensor } from '../formats/safetensors.js'
import type { Session } from './engine/types.js'
import { CRITERIA } from './pruning/criteria.js'
import { makeSparsitySchedule } from './pruning/schedules.js'
import { updateMasks } from './pruning/scopes.js'
import { maskOf, slotsOf } from './state.js'

export interface KernelSparsity {
  /** Name of the kernel. */
  readonly name: string
  readonly weights: number
  readonly removed: number
}

/** Sets masks at the steps of the schedule, on the host; between them the train step only applies them. */
export interface Pruner {
  /** The last step before which masks are updated. */
  readonly lastUpdateStep: number
  /** True if the masks are updated before `step`. */
  isUpdateStep(step: number): boolean
  /** Removes the weights of lowest score, so that the sparsity of the schedule is reached exactly; they and their slots become 0. */
  update(session: Session, step: number): void
  /** Kernel by kernel, as the masks in the session have it. */
  measure(session: Session): KernelSparsity[]
}

/** @param mutable Names of the state that training changes. */
export function makePruner(spec: PruningSpec, pruned: readonly string[], mutable: readonly string[]): Pruner {
  const schedule = makeSparsitySchedule(spec.schedule)
  const criterion = CRITERIA[spec.criterion]
  const names = Object.fromEntries(mutable.map((name) => [name, name]))
  const masked = pruned.map((param) => ({ param, targets: [param, ...slotsOf(param, names)] }))
  return {
    lastUpdateStep: spec.schedule.kind === 'one-shot' ? spec.schedule.beginStep : spec.schedule.endStep,
    isUpdateStep: (step) => schedule.isUpdateStep(step),
    update(session, step) {
      const state = session.get(masked.flatMap(({ param, targets }) => [maskOf(param), ...targets]))
      const scores = Object.fromEntries(pruned.map((name) => [name, criterion({ param: floats(state, name) })]))
      const previous = Object.fromEntries(pruned.map((name) => [name, Uint8Array.from(floats(state, maskOf(name)))]))
      const { masks } = updateMasks({ scores, sparsity: schedule.sparsityAt(step), scope: spec.scope, previous })
      const changed: Record<string, StoredTensor> = {}
      for (const { param, targets } of masked) {
        const mask = Float32Array.from(masks[param] ?? [])
        changed[maskOf(param)] = { type: 'float32', shape: state[param]?.shape ?? [], values: mask }
        for (const name of targets)
          changed[name] = {
            type: 'float32',
            shape: state[name]?.shape ?? [],
            values: floats(state, name).map((value, index) => (mask[index] === 0 ? 0 : value)),
          }
      }
      session.set(changed)
    },
    measure(session) {
      const masks = session.get(pruned.map(maskOf))
      return pruned.map((name) => {
        const values = floats(masks, maskOf(name))
        return { name, weights: values.length, removed: values.reduce((zeros, bit) => zeros + (bit === 0 ? 1 : 0), 0) }
      })
    },
  }
}

/** Share of all the weights in the list that is removed; 0 for none. */
export function sparsityOf(kernels: readonly KernelSparsity[]): number {
  const weights = kernels.reduce((sum, kernel) => sum + kernel.weights, 0)
  return weights === 0 ? 0 : kernels.reduce((sum, kernel) => sum + kernel.removed, 0) / weights
}

function floats(tensors: Readonly<Record<string, StoredTensor>>, name: string): Float32Array {
  const values = tensors[name]?.values
  if (!(values instanceof Float32Array)) throw new Error(`state '${name}' is not float32`)
  return values
}
