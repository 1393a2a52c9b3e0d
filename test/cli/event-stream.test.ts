import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseEventStream, type StreamedEvent } from '../../src/cli/event-stream.js'

async function read(chunks: readonly Uint8Array[]): Promise<StreamedEvent[]> {
  async function* body() {
    yield* chunks
  }
  const events: StreamedEvent[] = []
  for await (const event of parseEventStream(body())) events.push(event)
  return events
}

const utf8 = (text: string) => new TextEncoder().encode(text)

it('reads the same events however the bytes are cut into chunks', () => {
  const text =
    ': heartbeat\n\nid: 1\nevent: job.created\ndata: {"name":"é — ∂"}\n\r\nevent: progress\r\ndata: a\r\ndata:b\r\n\r\n'
  const expected = [
    { id: '1', type: 'job.created', data: '{"name":"é — ∂"}' },
    { id: null, type: 'progress', data: 'a\nb' },
  ]
  const whole = utf8(text)
  return fc.assert(
    fc.asyncProperty(fc.array(fc.nat(whole.length)), async (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), whole.length]
      const chunks = at.slice(1).map((end, index) => whole.subarray(at[index], end))
      expect(await read(chunks)).toEqual(expected)
    }),
  )
})

it('drops an event that the connection cut off', async () => {
  expect(await read([utf8('data: whole\n\ndata: half\n')])).toEqual([{ id: null, type: 'message', data: 'whole' }])
})
