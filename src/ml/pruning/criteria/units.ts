import type { CRITERIA, CriterionName } from '../../../contracts/pruning-criterion.js'
import { evidenceOf, type UnitEvidence } from './evidence.js'

/** Names of the criteria that score whole units. */
export type UnitCriterionName = {
  [K in CriterionName]: (typeof CRITERIA)[K]['scores'] extends 'units' ? K : never
}[CriterionName]

/** One score a unit of a group; higher = keep. */
export type UnitCriterion = (evidence: UnitEvidence) => Float32Array

/** Mean |a|. */
const activation: UnitCriterion = (evidence) => evidenceOf(evidence, 'meanActivation')

/** 1 − APoZ. @see Hu et al., "Network trimming: a data-driven neuron pruning approach", 2016. */
const apoz: UnitCriterion = (evidence) => evidenceOf(evidence, 'activeShare')

/** |γ|. @see Liu et al., "Learning efficient convolutional networks through network slimming", 2017. */
const batchNormScale: UnitCriterion = (evidence) => evidenceOf(evidence, 'scales')

/**
 * Σ over the other units of the L2 distance between the weights that make them: a unit near all others can be replaced by them.
 * @see He et al., "Filter pruning via geometric median for deep convolutional neural networks acceleration", 2019.
 */
const fpgm: UnitCriterion = ({ incoming = [] }) =>
  Float32Array.from(incoming, (row) => incoming.reduce((sum, other) => sum + distance(row, other), 0))

function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2
  return Math.sqrt(sum)
}

export const UNIT_CRITERIA = {
  activation,
  apoz,
  'batch-norm-scale': batchNormScale,
  fpgm,
} satisfies Record<UnitCriterionName, UnitCriterion>
