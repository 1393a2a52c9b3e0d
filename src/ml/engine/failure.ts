import { EspalierError } from '../../errors.js'

/** A call or a step that the engine does not accept. */
export function refusal(detail: string): EspalierError {
  return new EspalierError('ENGINE_FAILED', detail)
}

/** ENGINE_FAILED with the text of TensorFlow; errors of Espalier's own pass unchanged. */
export function engineFailure(cause: unknown, context?: string): EspalierError {
  if (cause instanceof EspalierError) return cause
  const text = cause instanceof Error ? cause.message : String(cause)
  return new EspalierError('ENGINE_FAILED', context === undefined ? text : `${context}: ${text}`, [], { cause })
}
