import type { ClippingSpec, ShadowSpec } from '../contracts/clipping.js'
import type { ClippingMode } from '../contracts/clipping-modes.js'
import { type Finding, invalid, outOfRange } from './finding.js'

const AT = '/clipping'

/** Thresholds of clipping and its shadows over a job of `steps` updates: what would never happen, or belongs to nothing. */
export function checkThreshold(clipping: ClippingSpec, steps: number): Finding[] {
  const { shadow } = clipping
  return [
    ...checkSchedule(clipping, steps),
    ...checkBudget(clipping),
    ...checkWarmup(clipping, AT, steps),
    ...shadow.flatMap((mode, place) => checkWarmup(mode, `${AT}/shadow/${place}`, steps)),
    ...checkShadowNames(shadow),
  ]
}

function checkSchedule({ mode, thresholdSchedule: schedule }: ClippingSpec, steps: number): Finding[] {
  if (schedule.kind === 'constant') return []
  const at = `${AT}/thresholdSchedule`
  if (mode === 'none')
    return [invalid(at, 'mode none has no threshold that could change; leave it out, or take another mode')]
  const { beginStep, endStep = steps } = schedule
  if (beginStep >= endStep)
    return [outOfRange(`${at}/beginStep`, `must lie before endStep, which is ${endStep}; the job has ${steps} steps`)]
  return beginStep >= steps
    ? [outOfRange(`${at}/beginStep`, `the job ends with step ${steps - 1}: the threshold would never change`)]
    : []
}

function checkBudget({ onNonFinite, nonFiniteBudget }: ClippingSpec): Finding[] {
  return onNonFinite === 'fail' && nonFiniteBudget !== undefined
    ? [
        invalid(
          `${AT}/nonFiniteBudget`,
          'under fail the first occurrence ends the job; set onNonFinite to skip, zero or rollback',
        ),
      ]
    : []
}

/** A mode that measures before it clips must have steps left to clip in; z-score may have a limit from the first step on. */
function checkWarmup(mode: ClippingMode, at: string, steps: number): Finding[] {
  if (mode.mode !== 'ada-gc' && (mode.mode !== 'z-score' || mode.maxNorm !== undefined)) return []
  if (mode.warmupSteps < steps) return []
  return [
    outOfRange(
      `${at}/warmupSteps`,
      `the job has ${steps} steps, and ${mode.mode} begins after ${mode.warmupSteps}: lower it`,
    ),
  ]
}

/** As they are called in the report. */
function checkShadowNames(shadow: readonly ShadowSpec[]): Finding[] {
  const names = shadow.map(({ name, mode }, place) => name ?? `${mode}-${place}`)
  return names.flatMap((name, place) => {
    const first = names.indexOf(name)
    return first < place
      ? [
          invalid(
            `${AT}/shadow/${place}/name`,
            `shadow ${first} is called '${name}' already; give each a name of its own`,
          ),
        ]
      : []
  })
}
