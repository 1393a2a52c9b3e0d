import { native } from './binding.js'
import { environment } from './environment.js'

export interface EngineInfo {
  readonly tensorflow: string
  readonly device: 'cpu' | 'gpu'
  readonly intraOpThreads: number
  readonly oneDnn: boolean
}

/** What is loaded, and what decides about the bits of its results. */
export function engineInfo(): EngineInfo {
  return { tensorflow: native.TF_Version, device: native.isUsingGpuDevice() ? 'gpu' : 'cpu', ...environment() }
}
