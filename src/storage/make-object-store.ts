import { makeFileSystemStore } from './file-system-store.js'
import type { ObjectStore, StorageConfig } from './object-store.js'

export function makeObjectStore(config: StorageConfig): ObjectStore {
  switch (config.kind) {
    case 'file-system':
      return makeFileSystemStore(config.folder)
  }
}
