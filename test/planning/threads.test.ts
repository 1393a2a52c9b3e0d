import { describe, expect, it } from 'vitest'
import { expandModel } from '../../src/planning/presets.js'
import { intraOpThreads, recurrentChains } from '../../src/planning/threads.js'

describe('recurrentChains', () => {
  it.each([
    [1, 1],
    [31, 1],
    [32, 2],
    [128, 2],
    [192, 3],
    [256, 4],
    [4096, 4],
  ])('cuts a batch of %i into %i parts', (batch, parts) => {
    expect(recurrentChains(batch)).toBe(parts)
  })
})

describe('intraOpThreads', () => {
  const preset = (name: 'char-rnn' | 'lstm-classifier' | 'text-cnn' | 'lenet-5') =>
    expandModel({ kind: 'preset', name })

  it.each(['char-rnn', 'lstm-classifier'] as const)('is one for %s where its parts fill the cores', (name) => {
    expect(intraOpThreads(preset(name), 128, 2)).toBe(1)
    expect(intraOpThreads(preset(name), 256, 4)).toBe(1)
  })

  it('is left to TensorFlow where there are more cores than parts', () => {
    expect(intraOpThreads(preset('char-rnn'), 128, 3)).toBeNull()
    expect(intraOpThreads(preset('char-rnn'), 20, 2)).toBeNull()
  })

  it.each(['text-cnn', 'lenet-5'] as const)('is left to TensorFlow for %s, whose operations are large', (name) => {
    expect(intraOpThreads(preset(name), 128, 2)).toBeNull()
  })

  it('is decided by the work: a recurrent layer before large dense ones does not count', () => {
    const layers = [
      { type: 'simple-rnn', name: 'rnn', units: 4 },
      { type: 'dense', name: 'wide', units: 1000 },
      { type: 'dense', name: 'output', units: 1000 },
    ]
    const model = { kind: 'layers', inputShape: [8, 4], layers } as never // the fields that are left out play no part
    expect(intraOpThreads(model, 128, 2)).toBeNull()
  })
})
