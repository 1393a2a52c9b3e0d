import type { LearningRateSchedule } from '../contracts/learning-rate-schedule.js'
import type { TrainingJobSpec } from '../contracts/training-job-spec.js'
import { type Finding, invalid, outOfRange } from './finding.js'

const AT = '/optimizer/schedule'

/** The schedule with the step at which it ends, if it has one: by default that of the job. */
export function withEndStep(schedule: LearningRateSchedule, steps: number): LearningRateSchedule {
  switch (schedule.kind) {
    case 'cosine':
    case 'polynomial':
    case 'linear':
      return { ...schedule, endStep: schedule.endStep ?? steps }
    default:
      return schedule
  }
}

/** The learning rate over a job of `steps` updates: what would never happen, contradicts itself, or fits the optimizer badly. */
export function checkLearningRate(spec: TrainingJobSpec, steps: number): Finding[] {
  const { schedule, learningRate, weightDecay } = spec.optimizer
  const found = [...checkWarmup(schedule, steps), ...checkKind(spec, steps)]
  if (spec.optimizer.kind === 'ftrl' && (schedule.kind !== 'constant' || schedule.warmupSteps > 0))
    found.push(
      invalid(
        AT,
        'ftrl derives each weight from sums of gradients divided by the learning rate, so a rate that changes would rescale the weights; use constant without warm-up, or another optimizer',
      ),
    )
  if (spec.optimizer.kind === 'sgd' && spec.optimizer.nesterov && spec.optimizer.momentum === 0)
    found.push(
      invalid(
        '/optimizer/nesterov',
        'looks ahead along the momentum, which is 0: set /optimizer/momentum, such as 0.9',
      ),
    )
  if (learningRate * weightDecay >= 1)
    found.push(
      outOfRange(
        '/optimizer/weightDecay',
        `times learningRate must be below 1, it is ${learningRate * weightDecay}: each update would take away more than the whole weight`,
      ),
    )
  return found
}

function checkWarmup(schedule: LearningRateSchedule, steps: number): Finding[] {
  if (!('warmupSteps' in schedule) || schedule.warmupSteps < steps || schedule.warmupSteps === 0) return []
  return [outOfRange(`${AT}/warmupSteps`, `the job has ${steps} steps: the warm-up would not end`)]
}

function checkKind(spec: TrainingJobSpec, steps: number): Finding[] {
  const { schedule } = spec.optimizer
  switch (schedule.kind) {
    case 'constant':
    case 'cosine-restarts':
      return []
    case 'exponential':
    case 'inverse-time':
      return schedule.staircase && schedule.warmupSteps + schedule.decaySteps >= steps
        ? [
            outOfRange(
              `${AT}/decaySteps`,
              `the job has ${steps} steps: with staircase the learning rate would never be cut`,
            ),
          ]
        : []
    case 'step':
      return schedule.warmupSteps + schedule.everySteps < steps
        ? []
        : [outOfRange(`${AT}/everySteps`, `the job has ${steps} steps: the learning rate would never be cut`)]
    case 'piecewise':
      return checkPieces(schedule.pieces, steps)
    case 'cosine':
    case 'polynomial':
      return checkSpan(schedule, schedule.warmupSteps, steps)
    case 'linear':
      return checkSpan(schedule, 0, steps)
    case 'one-cycle':
      return schedule.threePhase && schedule.pctStart > 0.5
        ? [outOfRange(`${AT}/pctStart`, 'must be at most 0.5 with threePhase: the fall takes as long as the rise')]
        : []
    case 'plateau':
      return checkPlateau(spec, schedule)
  }
}

function checkSpan(
  { beginStep, endStep }: { beginStep: number; endStep?: number },
  warmupSteps: number,
  steps: number,
): Finding[] {
  const end = endStep ?? steps
  const before = `must lie before endStep, which is ${end}; the job has ${steps} steps`
  if (beginStep >= end) return [outOfRange(`${AT}/beginStep`, before)]
  if (beginStep >= steps)
    return [outOfRange(`${AT}/beginStep`, `the job ends with step ${steps - 1}: the learning rate would never change`)]
  // A warm-up longer than the job is reported as such.
  return warmupSteps >= end && warmupSteps < steps ? [outOfRange(`${AT}/warmupSteps`, before)] : []
}

function checkPieces(pieces: readonly { beginStep: number }[], steps: number): Finding[] {
  return pieces.flatMap(({ beginStep }, index) => {
    const pointer = `${AT}/pieces/${index}/beginStep`
    const former = pieces[index - 1]?.beginStep ?? 0
    if (beginStep <= former) return [outOfRange(pointer, `must be later than that of the piece before, ${former}`)]
    if (beginStep >= steps)
      return [outOfRange(pointer, `the job ends with step ${steps - 1}: it would never be reached`)]
    return []
  })
}

function checkPlateau(
  spec: TrainingJobSpec,
  { monitor, minLearningRate }: { monitor: string; minLearningRate: number },
): Finding[] {
  const found: Finding[] = []
  const metric = monitor.startsWith('validation.') ? monitor.slice('validation.'.length) : null
  const { fraction, folds } = spec.validation
  if (metric !== null && fraction === 0 && folds === undefined)
    found.push(
      invalid(
        `${AT}/monitor`,
        `${monitor} needs rows held out: set /validation/fraction or /validation/folds, or monitor loss`,
      ),
    )
  const { metrics } = spec
  if (metric !== null && metric !== 'loss' && metrics && !metrics.some((name) => name === metric))
    found.push(invalid(`${AT}/monitor`, `add ${metric} to /metrics: what is not measured cannot be monitored`))
  if (minLearningRate > spec.optimizer.learningRate)
    found.push(
      outOfRange(
        `${AT}/minLearningRate`,
        `is above the learning rate, ${spec.optimizer.learningRate}: it would never be cut`,
      ),
    )
  return found
}
