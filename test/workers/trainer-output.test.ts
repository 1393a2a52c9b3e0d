import { PassThrough } from 'node:stream'
import { finished } from 'node:stream/promises'
import { expect, it } from 'vitest'
import { followTrainerOutput } from '../../src/workers/trainer-output.js'

it('keeps what TensorFlow says at every start out of the log and out of the last words', async () => {
  const said: string[] = []
  const ignore = () => {}
  const log = { debug: ignore, info: ignore, warn: (_: object, line: string) => said.push(line), error: ignore }
  const stream = new PassThrough()
  const output = followTrainerOutput(stream, log, {})
  stream.end(
    [
      '2026-11-24 06:00:00.123456: I tensorflow/core/platform/cpu_feature_guard.cc:210] This TensorFlow binary is optimized',
      'To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow',
      'WARNING: All log messages before absl::InitializeLog() is called are written to STDERR',
      'I0000 00:00:1732428000.123456   12345 cpu_utils.cc:1] something',
      '2026-11-24 06:00:01.000000: F tensorflow/core/x.cc:1] Check failed: memory',
      'Error: no space left on device',
      '',
    ].join('\n'),
  )
  await finished(stream)
  await new Promise(setImmediate)
  const expected = [
    '2026-11-24 06:00:01.000000: F tensorflow/core/x.cc:1] Check failed: memory',
    'Error: no space left on device',
  ]
  expect(said).toEqual(expected)
  expect(output.tail()).toBe(expected.join('\n'))
})
