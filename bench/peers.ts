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
  const python = path.join(root, '.venv-peers', 'bin', 'python')
  if (!existsSync(path.join(root, '.venv-peers', 'complete.json'))) return []
  return PEERS.flatMap(({ script, environment = {}, variants }) => {
    const child = startChild(python, path.join(root, 'bench', 'peers', script), { ...environment, ...process.env })
    return variants.map(({ variant, name, imagesOnly = false }) => ({
      name,
      suits: ({ model }: BenchModel) => !imagesOnly || model.inputShape.length === 3,
      measure: (model: BenchModel) => measure(child, variant, model),
      close: () => child.close(),
    }))
  })
}

/** @throws Error with the words of the peer; and if it trains another number of parameters, which would make another contest. */
async function measure(child: Child, variant: string, model: BenchModel): Promise<number> {
  const { ms, parameters } = await child.ask({ variant, ...requestFor(model) })
  const own = describeLayers(model.model).reduce((sum, layer) => sum + layer.parameters, 0)
  if (parameters !== own) throw new Error(`it trains ${parameters} parameters where Espalier trains ${own}`)
  return ms
}

function requestFor({ name, model, dataset, steps }: BenchModel) {
  const described = describeLayers(model)
  const layers = model.layers.map((layer, index) => {
    const { inputs, inputShapes } = described[index] ?? {}
    return { ...layer, inputs, inputShapes }
  })
  const { trainRows, vocabularySize = null, target } = dataset
  return {
    model: name,
    inputShape: model.inputShape,
    layers,
    data: {
      rows: trainRows,
      vocabulary: vocabularySize,
      outputs: outputsOf(dataset),
      labelShape: target.kind === 'tokens' ? [target.length] : [],
    },
    batchSize: BATCH_SIZE,
    learningRate: LEARNING_RATE,
    maxNorm: MAX_NORM,
    steps,
  }
}

interface Measurement {
  readonly ms: number
  /** Numbers that the peer's model trains. */
  readonly parameters: number
}
type Answer = Measurement | { readonly error: string }
type Child = ReturnType<typeof startChild>

/** A Python process that answers each line of JSON with one line of JSON, and idles in between. */
function startChild(python: string, script: string, env: NodeJS.ProcessEnv) {
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'pipe'], env })
  let lastWords = ''
  child.stderr.on('data', (chunk: Buffer) => {
    lastWords = (lastWords + chunk.toString()).slice(-2000)
  })
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) =>
      reject(new Error(`${path.basename(script)} ended (${code ?? signal}):\n${lastWords}`)),
    )
  })
  ended.catch(() => {}) // it is awaited only while a question is open
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()

  return {
    async ask(request: Readonly<Record<string, unknown>>): Promise<Measurement> {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      const { value } = await Promise.race([lines.next(), ended])
      const answer = JSON.parse(value ?? '{"error":"no answer"}') as Answer // written by bench/peers/protocol.py
      if ('error' in answer) throw new Error(answer.error)
      return answer
    },
    close: () => void child.stdin.end(),
  }
}
