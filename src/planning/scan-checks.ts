import Value from 'typebox/value'
import { parse } from '../contracts/parse.js'
import { CRITERIA } from '../contracts/pruning-criterion.js'
import type { SensitivityScan } from '../contracts/sensitivity-scan.js'
import { TrainingJobSpec } from '../contracts/training-job-spec.js'
import { type Finding, invalid } from './finding.js'
import type { NamedModel } from './presets.js'
import { checkPruning } from './pruning-checks.js'
import { scanPruning } from './scan.js'
import type { LayerDescription } from './shapes.js'

/** Why fields that would do nothing in a scan are refused; those with a default may have that. */
const IDLE = {
  optimizer: 'a scan makes no updates',
  epochs: 'a scan trains nothing',
  steps: 'a scan trains nothing',
  earlyStopping: 'a scan trains nothing',
  clipping: 'a scan has no gradients to clip',
  pruning: 'a scan says under /scan what is removed, and puts it back',
  checkpoints: 'a scan keeps what it has measured by itself',
  sampling: 'a scan delivers sensitivity.json and nothing else',
  exports: 'a scan delivers sensitivity.json and nothing else',
  engine: 'a scan makes no steps that XLA could compile',
} as const satisfies { readonly [K in keyof TrainingJobSpec]?: string }

/** Fields of a training job in a scan, and of a scan in a training job. `asked`: without the defaults that planning fills in. */
export function checkKind(asked: TrainingJobSpec): Finding[] {
  if (asked.kind !== 'sensitivity-scan')
    return asked.scan ? [invalid('/scan', 'belongs to kind sensitivity-scan: set /kind to that, or leave it out')] : []
  const found = Object.entries(IDLE).flatMap(([field, why]) =>
    isDefault(asked, field as keyof typeof IDLE) ? [] : [invalid(`/${field}`, `${why}: leave it out`)],
  )
  if (asked.model.kind !== 'artifact')
    found.push(
      invalid(
        '/model',
        'a scan measures a finished model: name the job that trained it, as {"kind": "artifact", "jobId": "job_…"}',
      ),
    )
  if (asked.validation.everySteps !== undefined)
    found.push(invalid('/validation/everySteps', 'a scan trains nothing: leave it out'))
  return found
}

function isDefault(spec: TrainingJobSpec, field: keyof typeof IDLE): boolean {
  if (spec[field] === undefined) return true
  const byDefault = parse(TrainingJobSpec.properties[field], undefined)
  return byDefault.ok && Value.Equal(spec[field], byDefault.value)
}

/** A scan against the layers, and its criterion against what is known of a finished network. */
export function checkScan(
  scan: SensitivityScan,
  asked: Pick<TrainingJobSpec, 'classWeights'>,
  { model, layers }: { readonly model: NamedModel; readonly layers: readonly LayerDescription[] },
): Finding[] {
  const { needs } = CRITERIA[scan.criterion]
  if (needs === 'training')
    return [
      invalid(
        '/scan/criterion',
        `${scan.criterion} sums over the steps of a training, and a scan has none: take another one, such as magnitude or taylor`,
      ),
    ]
  if (scan.granularity.kind === 'n-of-m')
    return [
      invalid('/scan/granularity/kind', 'n-of-m has one sparsity, so there is nothing to scan: take element or block'),
    ]
  const found = checkPruning(scanPruning(scan, 0), model, layers, 1).map((finding) => ({
    ...finding,
    pointer: finding.pointer.replace(/^\/pruning/, '/scan'),
  }))
  if (asked.classWeights !== undefined && needs !== 'gradients')
    found.push(invalid('/classWeights', `weigh the loss of gradients, and ${scan.criterion} takes none: leave it out`))
  return found
}
