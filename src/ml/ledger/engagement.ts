/** Most windows that the course over a job is told in. */
export const MAX_WINDOWS = 100

/** Counts over time, as plain JSON. */
export interface EngagementState {
  readonly steps: number
  readonly engaged: number
  /** −1: none yet. */
  readonly first: number
  readonly last: number
  readonly longestRun: number
  /** Engaged steps in a row up to the last step. */
  readonly run: number
  readonly windows: { readonly seen: readonly number[]; readonly engaged: readonly number[] }
}

/** In which steps clipping changed a gradient. */
export interface EngagementCounts {
  add(step: number, engaged: boolean): void
  figures(): EngagementFigures
  state(): EngagementState
}

export interface EngagementFigures {
  /** Share of the steps seen; 0 while there are none. */
  readonly rate: number
  readonly steps: number
  readonly firstStep: number | null
  readonly lastStep: number | null
  readonly longestRun: number
  readonly overTime: { fromStep: number; toStep: number; rate: number }[]
}

/** @param steps Of the whole job; they are divided into at most `MAX_WINDOWS` windows of equal length, the last may be shorter. */
export function makeEngagement(steps: number, state?: EngagementState): EngagementCounts {
  const width = Math.max(1, Math.ceil(steps / MAX_WINDOWS))
  const count = Math.max(1, Math.ceil(steps / width))
  const seenIn = Array.from({ length: count }, (_, window) => state?.windows.seen[window] ?? 0)
  const engagedIn = Array.from({ length: count }, (_, window) => state?.windows.engaged[window] ?? 0)
  let { steps: seen, engaged, first, last, longestRun, run } = state ?? EMPTY
  const overTime = () =>
    seenIn.flatMap((inWindow, window) => {
      if (inWindow === 0) return []
      const fromStep = window * width
      const rate = (engagedIn[window] ?? 0) / inWindow
      return [{ fromStep, toStep: Math.min(fromStep + width, Math.max(steps, fromStep + 1)), rate }]
    })
  return {
    add(step, isEngaged) {
      const window = Math.min(count - 1, Math.floor(step / width))
      seen++
      seenIn[window] = (seenIn[window] ?? 0) + 1
      if (!isEngaged) {
        run = 0
        return
      }
      engaged++
      engagedIn[window] = (engagedIn[window] ?? 0) + 1
      if (first < 0) first = step
      last = step
      run++
      if (run > longestRun) longestRun = run
    },
    figures: () => ({
      rate: engaged / Math.max(1, seen),
      steps: engaged,
      firstStep: first < 0 ? null : first,
      lastStep: last < 0 ? null : last,
      longestRun,
      overTime: overTime(),
    }),
    state: () => ({
      steps: seen,
      engaged,
      first,
      last,
      longestRun,
      run,
      windows: { seen: [...seenIn], engaged: [...engagedIn] },
    }),
  }
}

const EMPTY = { steps: 0, engaged: 0, first: -1, last: -1, longestRun: 0, run: 0 }
