import type { Readable } from 'node:stream'

export interface ObjectInfo {
  readonly bytes: number
  /** Hex. */
  readonly sha256: string
}

/** Bytes of datasets, checkpoints and artifacts. A key is a relative path of `[A-Za-z0-9._-]` segments; an object is never seen half-written. */
export interface ObjectStore {
  put(key: string, body: Uint8Array | Readable): Promise<ObjectInfo>
  /** Whole object. @throws ObjectMissingError */
  get(key: string): Promise<Uint8Array>
  /** `end` is inclusive, as in HTTP. @throws ObjectMissingError */
  stream(key: string, range?: { readonly start: number; readonly end: number }): Promise<Readable>
  /** Null when there is none. */
  size(key: string): Promise<number | null>
  /** No error when there is none. */
  delete(key: string): Promise<void>
  close(): Promise<void>
}

export class ObjectMissingError extends Error {
  override readonly name = 'ObjectMissingError'
  constructor(readonly key: string) {
    super(`no object ${key}`)
  }
}

export type StorageConfig = { readonly kind: 'file-system'; readonly folder: string }
