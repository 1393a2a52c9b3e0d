import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { BATCH_SIZE, type BenchModel, type Runner } from './runner.js'

const PEERS = [
  { script: 'keras_peer.py', variants: { plain: 'keras fit', jit: 'keras fit jit' } },
  { script: 'torch_peer.py', variants: { eager: 'torch eager', compile: 'torch compile' } },
] as const

/** Runners of Keras and PyTorch; none where `npm run bench:peers` has not been run. `root` is the repository. */
export function startPeers(root: string): Runner[] {
  const python = path.join(root, '.venv-peers', 'bin', 'python')
  if (!existsSync(path.join(root, '.venv-peers', 'complete.json'))) return []
  return PEERS.flatMap(({ script, variants }) => {
    const child = startChild(python, path.join(root, 'bench', 'peers', script))
    return Object.entries(variants).map(([variant, name]) => ({
      name,
      measure: (model: BenchModel) => child.ask({ variant, ...requestFor(model) }),
      close: () => child.close(),
    }))
  })
}

/** Both peers take logits, so a softmax at the end of the model is left out, as Espalier does. */
function requestFor({ name, model, steps }: BenchModel) {
  const layers = model.layers.map((layer, index) =>
    index === model.layers.length - 1 && 'activation' in layer && layer.activation === 'softmax'
      ? { ...layer, activation: 'linear' }
      : layer,
  )
  return { model: name, inputShape: model.inputShape, layers, batchSize: BATCH_SIZE, steps }
}

type Answer = { readonly ms: number } | { readonly error: string }

/** A Python process that answers each line of JSON with one line of JSON, and idles in between. */
function startChild(python: string, script: string) {
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'pipe'] })
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
    async ask(request: Readonly<Record<string, unknown>>): Promise<number> {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      const { value } = await Promise.race([lines.next(), ended])
      const answer = JSON.parse(value ?? '{"error":"no answer"}') as Answer // written by bench/peers/protocol.py
      if ('error' in answer) throw new Error(answer.error)
      return answer.ms
    },
    close: () => void child.stdin.end(),
  }
}
