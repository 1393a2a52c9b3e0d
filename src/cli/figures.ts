import type { JobProgress } from '../contracts/training-job.js'
import { percent } from './table.js'

/** A bar that is shorter says nothing. */
const SHORTEST_BAR = 6
const LONGEST_BAR = 40

/** loss, accuracy, norm of the gradient, share of clipped steps, sparsity, time left; without those that there are none of. */
export function figures(progress: JobProgress): string {
  const { accuracy, gradientNorm, clippedStepShare, etaSeconds } = progress
  return [
    `loss ${progress.loss.toFixed(4)}`,
    ...(accuracy === null ? [] : [`accuracy ${percent(accuracy, 1)}`]),
    ...(gradientNorm === null ? [] : [`gradient norm ${gradientNorm.toFixed(3)}`]),
    ...(clippedStepShare === null ? [] : [`clipped ${percent(clippedStepShare, 1)}`]),
    `sparsity ${percent(progress.sparsity, 1)}`,
    `ETA ${etaSeconds === null ? '?' : `${Math.ceil(etaSeconds)} s`}`,
  ].join('  ')
}

/** The end of an id, which tells jobs of one minute apart; other titles as they are. */
export function shortTitle(title: string): string {
  return /^[a-z]+_[0-9a-f-]{36}$/.test(title) ? `…${title.slice(-6)}` : title
}

/**
 * Lines of a progress bar, at most `width` wide: the figures come first, worded as long as the width allows; the title and the
 * bar take what is left. As figures grow the wording gets shorter, but not longer again, or the line would jump about.
 */
export function makeProgressLine(title: string): (progress: JobProgress, width: number) => string {
  let shortened = 0
  let lastWidth = 0
  return (progress, width) => {
    if (width !== lastWidth) shortened = 0
    lastWidth = width
    const wordings = [
      `${progress.step}/${progress.steps}  ${figures(progress)}`,
      brief(progress, { digits: 4, accuracyDigits: 1, normDigits: 3, sparsity: 'sparse', eta: 'ETA ' }),
      brief(progress, { digits: 3, accuracyDigits: 0, normDigits: 2, sparsity: 'sp', eta: '' }),
    ].flatMap((text) => [`${title} ${text}`, text])
    const candidates = [
      ...wordings.map((text) => ({ text, needed: text.length + 1 + SHORTEST_BAR })),
      ...wordings.slice(-2).map((text) => ({ text, needed: text.length })),
    ]
    const fits = candidates.findIndex(({ needed }, index) => index >= shortened && needed <= width)
    shortened = fits < 0 ? candidates.length - 1 : fits
    const text = candidates[shortened]?.text ?? ''
    if (shortened >= wordings.length) return text.slice(0, width)
    return `${text} ${bar(progress, Math.min(width - text.length - 1, LONGEST_BAR))}`
  }
}

function brief(
  progress: JobProgress,
  wording: { digits: number; accuracyDigits: number; normDigits: number; sparsity: string; eta: string },
): string {
  const { accuracy, gradientNorm, clippedStepShare, etaSeconds } = progress
  const share = (value: number, digits = 0) => `${(value * 100).toFixed(digits)}%`
  return [
    `${progress.step}/${progress.steps}`,
    `loss ${progress.loss.toFixed(wording.digits)}`,
    ...(accuracy === null ? [] : [`acc ${share(accuracy, wording.accuracyDigits)}`]),
    ...(gradientNorm === null ? [] : [`norm ${significant(gradientNorm, wording.normDigits)}`]),
    ...(clippedStepShare === null ? [] : [`clip ${share(clippedStepShare)}`]),
    `${wording.sparsity} ${share(progress.sparsity)}`,
    `${wording.eta}${etaSeconds === null ? '?' : `${Math.ceil(etaSeconds)}s`}`,
  ].join(' ')
}

/** Without an exponent where that is short. */
function significant(value: number, digits: number): string {
  const text = value.toPrecision(digits)
  return text.includes('e') && value >= 1 && value < 1e6 ? value.toFixed(0) : text
}

function bar({ step, steps }: JobProgress, length: number): string {
  const filled = Math.round((step / Math.max(1, steps)) * length)
  return '█'.repeat(filled) + '░'.repeat(length - filled)
}
