import type { BenchModel } from './models.js'
import type { Runner } from './runner.js'
import { ratios, summarize, type Timing } from './statistics.js'

export interface ModelResult {
  readonly name: string
  readonly compiledMs: Timing
  readonly eagerMs: Timing
  /** Eager ÷ compiled, taken within each round. */
  readonly eagerToCompiled: Timing
  readonly peers: Readonly<Record<string, Timing>>
  readonly bestPeer: string | null
  /** Compiled ÷ best peer (the one with the lowest median), taken within each round; below 1 Espalier is the faster. */
  readonly ratioToBestPeer: Timing | null
}

export interface Contestants {
  readonly compiled: Runner
  readonly eager: Runner
  readonly peers: readonly Runner[]
  readonly rounds: number
}

/** The runners take turns within a round, so that a slow minute of the machine falls on all of them. */
export async function compare(
  model: BenchModel,
  { compiled, eager, peers, rounds }: Contestants,
): Promise<ModelResult> {
  const times = new Map<Runner, number[]>([compiled, eager, ...peers].map((runner) => [runner, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [runner, measured] of times) {
      try {
        measured.push(await runner.measure(model))
      } catch (error) {
        if (!peers.includes(runner)) throw error
        console.error(`${runner.name} is left out for ${model.name}: ${error instanceof Error ? error.message : error}`)
        times.delete(runner)
      }
    }
  }
  const timesOf = (runner: Runner) => times.get(runner) ?? []
  const timingOf = (runner: Runner) => summarize(timesOf(runner))
  const measured = peers.filter((peer) => times.has(peer))
  const [best] = measured.toSorted((a, b) => timingOf(a).median - timingOf(b).median)
  return {
    name: model.name,
    compiledMs: timingOf(compiled),
    eagerMs: timingOf(eager),
    eagerToCompiled: summarize(ratios(timesOf(eager), timesOf(compiled))),
    peers: Object.fromEntries(measured.map((peer) => [peer.name, timingOf(peer)])),
    bestPeer: best?.name ?? null,
    ratioToBestPeer: best ? summarize(ratios(timesOf(compiled), timesOf(best))) : null,
  }
}
