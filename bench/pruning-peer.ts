import type { Latency } from '../src/contracts/pruning-report.js'
import { summarizeLatency } from '../src/ml/latency.js'
import type { BenchModel } from './models.js'
import { type Child, hasPeers, networkFor, parametersOf, startChild } from './peers.js'

/** Of the network before, and of the one that was made smaller. */
export interface BothSizes {
  readonly dense: number
  readonly compact: number
}

export interface PruningSettings {
  /** Share of the units of every layer but the last that is removed. */
  readonly sparsity: number
  /** In which dense and compact network take turns. */
  readonly rounds: number
  readonly batches: readonly number[]
}

export interface PeerPruning {
  readonly name: string
  readonly parameters: BothSizes
  /** As it counts them itself: with biases, normalization, activations and pooling. */
  readonly macs: BothSizes
  readonly latency: readonly Latency[]
}

/** Another library that removes units from the same network. */
export interface PruningPeer {
  readonly name: string
  /** @throws Error with the words of the peer; and if its network has another number of parameters before, which would make another contest. */
  measure(model: BenchModel, settings: PruningSettings): Promise<PeerPruning>
  close(): void
}

interface Answer {
  readonly parameters: BothSizes
  readonly macs: BothSizes
  readonly latency: readonly { readonly batch: number; readonly dense: number[]; readonly compact: number[] }[]
}

const VARIANTS = [
  { variant: 'contiguous', name: 'Torch-Pruning' },
  { variant: 'channels-last', name: 'Torch-Pruning, channels last' },
]
/** Threads of PyTorch that spin while they wait, and threads that sleep: see `startPeers`. */
const PROCESSES = [
  { environment: {}, suffix: '' },
  { environment: { OMP_WAIT_POLICY: 'PASSIVE' }, suffix: ', passive' },
]

/** Torch-Pruning in both memory formats and both ways to wait; nothing where `npm run bench:peers` has not been run. `root` is the repository. */
export function startPruningPeers(root: string): PruningPeer[] {
  if (!hasPeers(root)) return []
  return PROCESSES.flatMap(({ environment, suffix }) => {
    // Started by its first question: importing PyTorch would slow down what Espalier measures before.
    let child: Child<Answer> | null = null
    const started = () => {
      child ??= startChild<Answer>(root, 'torch_pruning_peer.py', { ...environment, ...process.env })
      return child
    }
    return VARIANTS.map(({ variant, name }) => ({
      name: name + suffix,
      measure: (model: BenchModel, settings: PruningSettings) =>
        measure(started(), { variant, name: name + suffix }, model, settings),
      close: () => child?.close(),
    }))
  })
}

async function measure(
  child: Child<Answer>,
  { variant, name }: (typeof VARIANTS)[number],
  model: BenchModel,
  settings: PruningSettings,
): Promise<PeerPruning> {
  const { parameters, macs, latency } = await child.ask({ variant, ...networkFor(model), ...settings })
  const own = parametersOf(model)
  if (parameters.dense !== own)
    throw new Error(`its network has ${parameters.dense} parameters where that of Espalier has ${own}`)
  return {
    ...{ name, parameters, macs },
    latency: latency.map(({ batch, dense, compact }) => summarizeLatency(batch, dense, compact)),
  }
}
