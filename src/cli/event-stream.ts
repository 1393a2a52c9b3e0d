export interface StreamedEvent {
  /** Null for events that are not kept: they cannot be asked for again. */
  readonly id: string | null
  readonly type: string
  readonly data: string
}

/**
 * Reads a `text/event-stream` body. Comments (heartbeats) and unfinished last events are dropped.
 * @see WHATWG HTML, "Server-sent events", 9.2.6
 */
export async function* parseEventStream(body: AsyncIterable<Uint8Array>): AsyncGenerator<StreamedEvent> {
  let id: string | null = null
  let type = ''
  let data: string[] = []
  for await (const line of lines(body)) {
    if (line === '') {
      if (data.length > 0) yield { id, type: type || 'message', data: data.join('\n') }
      id = null
      type = ''
      data = []
      continue
    }
    const colon = line.indexOf(':')
    if (colon === 0) continue
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') data.push(value)
    else if (field === 'event') type = value
    else if (field === 'id') id = value
  }
}

async function* lines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true })
    // A carriage return at the very end may be the first half of \r\n: it waits for the next chunk.
    const complete = rest.split(/\r\n|\n|\r(?!$)/)
    rest = complete.pop() ?? ''
    yield* complete
  }
}
