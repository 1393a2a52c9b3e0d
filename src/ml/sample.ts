import type { DatasetSchema } from '../contracts/dataset.js'
import { makeRandom } from '../random.js'
import { tf } from './engine/tensorflow.js'
import type { Session, SignatureSpec } from './engine/types.js'
import { tensorAt } from './optimizers/optimizer.js'
import { finalWeights, type StepParts } from './state.js'

const SAMPLE = 'sample'

/** The signature that text is written with: logits [length, vocabulary] of one example of `tokens` [1, length]; none unless the spec asks for text. */
export function sampleSignatures(parts: StepParts, { target }: DatasetSchema): Record<string, SignatureSpec> {
  if (!parts.spec.sampling || target.kind !== 'tokens') return {}
  return {
    [SAMPLE]: {
      inputs: { tokens: { shape: [1, target.length], dtype: 'int32' } },
      step: ({ state, inputs }) => {
        const logits = parts.model.apply(finalWeights(parts, state), tensorAt(inputs, 'tokens'))
        return { outputs: { logits: tf.reshape(logits, [-1]) } }
      },
    },
  }
}

/**
 * Text that the model writes, character by character, drawn by the seed of the job; each is drawn from what the model makes of the characters
 * before it, the last `length` of them. Null unless the spec asks for text.
 */
export function writeSample({ spec }: StepParts, { target }: DatasetSchema, session: Session): string | null {
  const { sampling } = spec
  if (!sampling || target.kind !== 'tokens') return null
  const { vocabulary, length } = target
  const random = makeRandom(spec.seed, 'sample')
  const text = [...(sampling.prompt ?? vocabulary[0] ?? '')].map((character) => vocabulary.indexOf(character))
  for (let written = 0; written < sampling.length; written++) {
    const seen = text.slice(-length)
    const tokens = Int32Array.from({ length }, (_, place) => seen[place] ?? 0)
    const logits = session.run(SAMPLE, { tokens }).logits ?? new Float32Array()
    const begin = (seen.length - 1) * vocabulary.length
    text.push(draw(logits.subarray(begin, begin + vocabulary.length), sampling.temperature, random.uniform()))
  }
  return text.map((token) => vocabulary[token] ?? '').join('')
}

/** A token by softmax(logits / temperature); the likeliest at temperature 0. `chance` in [0, 1). */
export function draw(logits: Float32Array | Int32Array, temperature: number, chance: number): number {
  const values = Float64Array.from(logits)
  const largest = values.reduce((max, logit) => Math.max(max, logit), Number.NEGATIVE_INFINITY)
  if (temperature === 0) return values.indexOf(largest)
  const shares = values.map((logit) => Math.exp((logit - largest) / temperature))
  let left = chance * shares.reduce((sum, share) => sum + share, 0)
  const drawn = shares.findIndex((share) => {
    left -= share
    return left < 0
  })
  // Rounding may leave a little after the last.
  return drawn < 0 ? shares.length - 1 : drawn
}
