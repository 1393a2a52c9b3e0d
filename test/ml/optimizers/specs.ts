import { OptimizerSpec } from '../../../src/contracts/optimizer.js'
import { parse } from '../../../src/contracts/parse.js'

/** A spec with its defaults. */
export function specOf(fields: Record<string, unknown>): OptimizerSpec {
  const parsed = parse(OptimizerSpec, fields)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return parsed.value
}

/** Every optimizer, and those of its options that change the rule. */
export const SPECS: readonly OptimizerSpec[] = [
  { kind: 'sgd' },
  { kind: 'sgd', momentum: 0.9 },
  { kind: 'sgd', momentum: 0.9, nesterov: true },
  { kind: 'rmsprop' },
  { kind: 'rmsprop', momentum: 0.9, centered: true },
  { kind: 'adagrad' },
  { kind: 'adadelta' },
  { kind: 'adam' },
  { kind: 'adam', amsgrad: true },
  { kind: 'adamw' },
  { kind: 'adamax' },
  { kind: 'nadam' },
  { kind: 'lion' },
  { kind: 'ftrl' },
  { kind: 'ftrl', learningRatePower: -0.3, l1: 0.01, l2Regularization: 0.1, l2Shrinkage: 0.01, beta: 0.1 },
  { kind: 'adafactor' },
].map(specOf)

export function nameOf({ kind, ...fields }: OptimizerSpec): string {
  const options = Object.entries(fields).filter(([, value]) => typeof value === 'boolean' || typeof value === 'number')
  const defaults = new Map<string, unknown>(Object.entries(specOf({ kind })))
  return [kind, ...options.filter(([name, value]) => defaults.get(name) !== value).map(([name]) => name)].join(' ')
}
