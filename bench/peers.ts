import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { outputsOf } from '../src/planning/planned-spec.js'
import { describeLayers } from '../src/planning/shapes.js'
import type { BenchModel } from './models.js'
import { BATCH_SIZE, LEARNING_RATE, MAX_NORM, type Runner } from './runner.js'

interface Variant {
  readonly variant: string
  readonly name: string
  /** Only of images does it make a difference. */
  readonly imagesOnly?: boolean
}
/** A Python process and the ways it can train; `environment` gives way to that of the bench itself. */
interface Peer {
  readonly script: string
  readonly environment?: Readonly<Record<string, string>>
  readonly variants: readonly Variant[]
}
const PEERS: readonly Peer[] = [
  {
    script: 'keras_peer.py',
    // As Espalier has it: TensorFlow takes oneDNN by itself only on processors with VNNI or AMX.
    environment: { TF_ENABLE_ONEDNN_OPTS: '1' },
    variants: [
      { variant: 'plain', name: 'keras fit' },
      { variant: 'jit', name: 'keras fit jit' },
    ],
  },
  {
    script: 'torch_peer.py',
    variants: [
      { variant: 'eager', name: 'torch eager' },
      { variant: 'channels-last', name: 'torch channels last', imagesOnly: true },
      { variant: 'compile', name: 'torch compile' },
    ],
  },
  {
    script: 'torch_peer.py',
    // Threads of PyTorch spin while they wait, which is the fastest on a quiet machine and ten times slower beside other work.
    environment: { OMP_WAIT_POLICY: 'PASSIVE' },
    variants: [
      { variant: 'eager', name: 'torch eager, passive' },
      { variant: 'channels-last', name: 'torch channels last, passive', imagesOnly: true },
    ],
  },
]

/** Runners of Keras and PyTorch; none where `npm run bench:peers` has not been run. `root` is the repository. */
export function startPeers(root: string): Runner[] {
  if (!hasPeers(root)) return []
  return PEERS.flatMap(({ script, environment = {}, variants }) => {
    const child = startChild<Measurement>(root, script, { ...environment, ...process.env })
    return variants.map(({ variant, name, imagesOnly = false }) => ({
      name,
      suits: ({ model }: BenchModel) => !imagesOnly || model.inputShape.length === 3,
      measure: (model: BenchModel) => measure(child, variant, model),
      close: () => child.close(),
    }))
  })
}

export function hasPeers(root: string): boolean {
  return existsSync(path.join(root, '.venv-peers', 'complete.json'))
}

/** @throws Error with the words of the peer; and if it trains another number of parameters, which would make another contest. */
async function measure(child: Child<Measurement>, variant: string, model: BenchModel): Promise<number> {
  const { ms, parameters } = await child.ask({ variant, ...requestFor(model) })
  const own = parametersOf(model)
  if (parameters !== own) throw new Error(`it trains ${parameters} parameters where Espalier trains ${own}`)
  return ms
}

/** Numbers that are trained. */
export function parametersOf({ model }: Pick<BenchModel, 'model'>): number {
  return describeLayers(model).reduce((sum, layer) => sum + layer.parameters, 0)
}

/** The network, as the peers build it. */
export function networkFor({ name, model }: BenchModel) {
  const described = describeLayers(model)
  const layers = model.layers.map((layer, index) => {
    const { inputs, inputShapes } = described[index] ?? {}
    return { ...layer, inputs, inputShapes }
  })
  return { model: name, inputShape: model.inputShape, layers }
}

function requestFor(bench: BenchModel) {
  const { trainRows, vocabularySize = null, target } = bench.dataset
  return {
    ...networkFor(bench),
    data: {
      rows: trainRows,
      vocabulary: vocabularySize,
      outputs: outputsOf(bench.dataset),
      labelShape: target.kind === 'tokens' ? [target.length] : [],
    },
    batchSize: BATCH_SIZE,
    learningRate: LEARNING_RATE,
    maxNorm: MAX_NORM,
    steps: bench.steps,
  }
}

interface Measurement {
  readonly ms: number
  /** Numbers that the peer's model trains. */
  readonly parameters: number
}

export interface Child<Answer> {
  /** @throws Error with the words of the process, if it cannot answer or has ended. */
  ask(request: Readonly<Record<string, unknown>>): Promise<Answer>
  close(): void
}

/** A script of bench/peers that answers each line of JSON with one line of JSON, and idles in between. */
export function startChild<Answer extends object>(root: string, script: string, env: NodeJS.ProcessEnv): Child<Answer> {
  const python = path.join(root, '.venv-peers', 'bin', 'python')
  const child = spawn(python, [path.join(root, 'bench', 'peers', script)], { stdio: ['pipe', 'pipe', 'pipe'], env })
  child.stdin.on('error', () => {}) // a process that has ended takes no question; its end says why
  let lastWords = ''
  child.stderr.on('data', (chunk: Buffer) => {
    lastWords = (lastWords + chunk.toString()).slice(-2000)
  })
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`${script} ended (${code ?? signal}):\n${lastWords}`)))
  })
  ended.catch(() => {}) // it is awaited only while a question is open
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()

  return {
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      const { value } = await Promise.race([lines.next(), ended])
      const answer = JSON.parse(value ?? '{"error":"no answer"}') as Answer | { readonly error: string } // written by bench/peers/protocol.py
      if ('error' in answer) throw new Error(answer.error)
      return answer
    },
    close: () => void child.stdin.end(),
  }
}
