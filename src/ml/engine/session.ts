import { EspalierError } from '../../errors.js'
import type { StoredTensor, TensorValues } from '../../formats/safetensors.js'
import { INT32, native, type TensorMetadata } from './binding.js'
import { checkFeeds, checkValues } from './feeds.js'
import type { SignaturePorts } from './graph.js'
import type { Outputs, Session } from './types.js'

export interface StateNodes {
  readonly type: StoredTensor['type']
  readonly shape: readonly number[]
  readonly dtype: number
  readonly handle: string
  /** Placeholder, and the constant that is there once its value is assigned. */
  readonly feed: string
  readonly done: string
  readonly get: string
}

export function makeSession(
  id: number,
  state: ReadonlyMap<string, StateNodes>,
  signatures: ReadonlyMap<string, SignaturePorts>,
): Session {
  // TensorFlow builds an executor for each list of feeds and fetches: the lists are fixed here.
  const calls = new Map([...signatures].map(([name, ports]) => [name, callOf(ports)]))
  let isOpen = true

  function call(inputs: number[], inputNames: string, outputNames: string): TensorMetadata[] {
    if (!isOpen) throw new EspalierError('ENGINE_FAILED', 'the session is closed')
    try {
      return native.runSavedModel(id, inputs, inputNames, outputNames)
    } catch (cause) {
      throw new EspalierError('ENGINE_FAILED', cause instanceof Error ? cause.message : String(cause), [], { cause })
    } finally {
      for (const input of inputs) native.deleteTensor(input)
    }
  }

  function nodesOf(name: string): StateNodes {
    const nodes = state.get(name)
    if (!nodes) throw new EspalierError('ENGINE_FAILED', `there is no state '${name}'`)
    return nodes
  }

  return {
    run(signature, feeds) {
      const ports = signatures.get(signature)
      const prepared = calls.get(signature)
      if (!ports || !prepared) throw new EspalierError('ENGINE_FAILED', `there is no signature '${signature}'`)
      const inputs = checkFeeds(signature, ports.inputs, feeds).map(({ shape, dtype, values }) =>
        native.createTensor(shape, dtype, values),
      )
      const results = call(inputs, prepared.inputNames, prepared.outputNames).map(take)
      const outputs: Record<string, Float32Array | Int32Array> = {}
      prepared.outputs.forEach((name, index) => {
        const values = results[index]
        if (values === undefined || values instanceof Uint8Array)
          throw new Error(`output ${name} has an unexpected type`)
        outputs[name] = values
      })
      return outputs satisfies Outputs
    },

    set(values) {
      const entries = Object.entries(values)
      if (entries.length === 0) return
      const nodes = entries.map(([name, tensor]) => checkValues(name, nodesOf(name), tensor))
      const inputs = entries.map(([, tensor], index) =>
        native.createTensor(tensor.shape, nodes[index]?.dtype ?? INT32, tensor.values),
      )
      for (const done of call(inputs, nodes.map(({ feed }) => feed).join(','), nodes.map(({ done }) => done).join(',')))
        native.deleteTensor(done.id)
    },

    get(names = [...state].filter(([, { type }]) => type !== 'uint8').map(([name]) => name)) {
      const nodes = names.map(nodesOf)
      const bytes = names.find((_, index) => nodes[index]?.type === 'uint8')
      if (bytes !== undefined)
        throw new EspalierError('ENGINE_FAILED', `state '${bytes}' is uint8, which cannot be read back`)
      if (nodes.length === 0) return {}
      const values = call([], '', nodes.map(({ get }) => get).join(',')).map(take)
      const result: Record<string, StoredTensor> = {}
      nodes.forEach(({ type, shape }, index) => {
        const name = names[index]
        const read = values[index]
        if (name !== undefined && read !== undefined) result[name] = { type, shape, values: read }
      })
      return result
    },

    close() {
      if (isOpen) native.deleteSavedModel(id)
      isOpen = false
    },
  }
}

function callOf({ inputs, outputs }: SignaturePorts) {
  const names = (ports: SignaturePorts['inputs']) => [...ports.values()].map(({ node }) => node).join(',')
  return { inputNames: names(inputs), outputNames: names(outputs), outputs: [...outputs.keys()] }
}

/** Values of a fetched tensor; its handle is freed. */
function take({ id }: TensorMetadata): TensorValues {
  const values = native.tensorDataSync(id)
  native.deleteTensor(id)
  return values
}
