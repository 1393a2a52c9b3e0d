import type { PruningSpec } from '../contracts/pruning.js'
import { CRITERIA } from '../contracts/pruning-criterion.js'
import { removesUnits } from '../contracts/pruning-granularity.js'
import { type Finding, invalid } from './finding.js'

const AT = '/pruning'
/** The default of the contract. */
const CALIBRATION_ROWS = 1024

/** Settings that would do nothing, or nothing sensible, beside the others. What has its default is taken for not given. */
export function checkUnused(spec: PruningSpec): Finding[] {
  return [...checkFixedAmount(spec), ...checkLayersTogether(spec), ...checkPooling(spec), ...checkCalibration(spec)]
}

/** Where something else than a sparsity says how much is removed. */
function checkFixedAmount({ granularity, selection, distribution, layerSparsity, roundTo, scope }: PruningSpec) {
  const isGroups = granularity.kind === 'n-of-m'
  const isShrinkage = selection.kind === 'shrinkage'
  const decides = isGroups ? 'granularity n-of-m' : selection.kind === 'sparsity' ? null : `selection ${selection.kind}`
  if (decides === null) return []
  const found: Finding[] = []
  const refuse = (field: string, detail: string) => found.push(invalid(`${AT}/${field}`, detail))
  if (distribution !== 'uniform')
    refuse('distribution', `spreads a sparsity over layers, but ${decides} says what is removed: leave it out`)
  if (!isGroups && !isShrinkage) return found
  if (layerSparsity.min > 0 || layerSparsity.max < 1)
    refuse('layerSparsity', `${decides} says what is removed of each layer: leave it out`)
  if (roundTo > 1) refuse('roundTo', `${decides} says what is removed of each layer: leave it out`)
  if (scope === 'global') refuse('scope', `${decides} ranks nothing over layers: leave it out`)
  return found
}

/** Units have to be of a size for their numbers to be rounded, and layers ranked together for a normalization. */
function checkLayersTogether({ granularity, scope, distribution, normalization, roundTo }: PruningSpec): Finding[] {
  const found: Finding[] = []
  if (scope === 'global' && distribution !== 'uniform')
    found.push(
      invalid(
        `${AT}/distribution`,
        `${distribution} spreads the sparsity over layers, which scope global does by rank`,
      ),
    )
  if (scope === 'layer' && normalization !== undefined)
    found.push(invalid(`${AT}/normalization`, 'scores of different layers are only compared in scope global'))
  if (roundTo > 1 && !removesUnits(granularity))
    found.push(invalid(`${AT}/roundTo`, `rounds numbers of units, but granularity is ${granularity.kind}`))
  return found
}

function checkPooling({ criterion, granularity }: PruningSpec): Finding[] {
  const at = `${AT}/granularity`
  if (CRITERIA[criterion].scores === 'units') {
    if (!('coupled' in granularity)) return []
    const why = `${criterion} scores whole units, not the weights that make them: leave it out`
    return [
      ...(granularity.pooling === 'l2' ? [] : [invalid(`${at}/pooling`, why)]),
      ...(granularity.coupled ? [invalid(`${at}/coupled`, why)] : []),
    ]
  }
  // What moves towards 0 scores below 0, which squares do not tell from what moves away.
  if (criterion === 'movement' && 'pooling' in granularity && granularity.pooling === 'l2')
    return [invalid(`${at}/pooling`, 'l2 loses the sign of the scores of movement: take sum, mean or max')]
  return []
}

function checkCalibration({ criterion, regrow, calibration }: PruningSpec): Finding[] {
  const isUsed = ['gradients', 'activations'].includes(CRITERIA[criterion].needs) || regrow?.by === 'gradient'
  if (isUsed || calibration.rows === CALIBRATION_ROWS) return []
  return [invalid(`${AT}/calibration/rows`, `${criterion} measures nothing on rows: leave it out`)]
}
