import { type Static, Type } from 'typebox'
import { METRIC_MODE, METRICS, type MetricName } from './metric-name.js'

/** What early stopping and the choice of the best checkpoint can watch: one value at each evaluation. */
export const MONITORS = [
  'loss',
  'validation.loss',
  ...METRICS.map((name) => `validation.${name}` as const),
] as const satisfies readonly Monitor[]
export type Monitor = 'loss' | 'validation.loss' | `validation.${MetricName}`

/** Ends a job before its last step when the monitored number no longer gets better. */
export const EarlyStopping = Type.Object(
  {
    monitor: Type.Enum([...MONITORS], {
      default: 'validation.loss',
      description:
        'Looked at every `validation.everySteps` steps, by default at the end of each epoch, and in a pruned job only after the last mask update. `loss` is the mean over the steps since it was looked at last; `validation.…` needs rows held out, and the metric in `metrics`',
    }),
    mode: Type.Optional(
      Type.Enum(['min', 'max'], {
        description: 'Which end is better; default: min for losses and errors, max for accuracy and its kin',
      }),
    ),
    patience: Type.Integer({
      minimum: 1,
      maximum: 100_000,
      default: 3,
      description: 'Evaluations in a row without improvement after which the job ends',
    }),
    minDelta: Type.Number({
      minimum: 0,
      maximum: 1e30,
      default: 0,
      description: 'A value counts as an improvement if it is better by more than this',
    }),
    target: Type.Optional(
      Type.Number({
        minimum: -1e30,
        maximum: 1e30,
        description: 'The job ends as soon as the value is at least this good',
      }),
    ),
  },
  {
    additionalProperties: false,
    description:
      'Ends the job when the monitored number no longer gets better. The weights are those of the last step, not of the best evaluation, unless `checkpoints.best` is given',
  },
)
export type EarlyStopping = Static<typeof EarlyStopping>

/** The mode of a spec, or that of the number which it monitors. */
export function modeOf({ monitor, mode }: Pick<EarlyStopping, 'monitor' | 'mode'>): 'min' | 'max' {
  if (mode !== undefined) return mode
  const metric = METRICS.find((name) => monitor === `validation.${name}`)
  return metric === undefined ? 'min' : METRIC_MODE[metric]
}
