export interface Closable {
  close(): Promise<unknown>
}

export interface Closers {
  /** Remembers what was opened and returns it. */
  add<T extends Closable>(opened: T): T
  /** Closes everything, the last opened first, to the end; then throws the first error there was. Further calls wait for the first. */
  close(): Promise<void>
  /** Closing has begun: broken connections are no news any more. */
  isClosing(): boolean
}

export function makeClosers(): Closers {
  const opened: Closable[] = []
  let closing: Promise<void> | null = null
  const closeAll = async () => {
    const errors: unknown[] = []
    for (const item of opened.splice(0).reverse()) await item.close().catch((error: unknown) => errors.push(error))
    if (errors.length > 0) throw errors[0]
  }
  return {
    add(item) {
      opened.push(item)
      return item
    },
    close: () => (closing ??= closeAll()),
    isClosing: () => closing !== null,
  }
}
