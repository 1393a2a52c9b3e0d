import type { StoredTensor, TensorType, TensorValues } from '../../formats/safetensors.js'
import { INT32, native, type TensorMetadata } from './binding.js'
import { engineFailure, refusal } from './failure.js'
import { checkFeeds, checkValues, readable, unknownState } from './feeds.js'
import type { SignaturePorts } from './graph.js'
import type { JoinedOutputs } from './joined-outputs.js'
import { nativeType } from './opaque.js'
import type { InputSpec, Session, SignatureSpec } from './types.js'

export interface StateNodes {
  readonly type: TensorType
  readonly shape: readonly number[]
  readonly dtype: number
  readonly handle: string
  /** Placeholder, and the constant that is there once its value is assigned. */
  readonly feed: string
  readonly done: string
  readonly get: string
}

/** What a call feeds and fetches, and which outputs of the step are in what is fetched. */
export type CallPorts = SignaturePorts & Pick<JoinedOutputs, 'places'>

/** A session on the loaded graph `id`. */
export function makeSession(
  id: number,
  state: ReadonlyMap<string, StateNodes>,
  signatures: Readonly<Record<string, SignatureSpec>>,
  ports: ReadonlyMap<string, CallPorts>,
): Session {
  // TensorFlow builds an executor for each list of feeds and fetches: the lists are fixed here.
  const calls = new Map(
    [...ports].map(([name, { inputs, outputs, places }]) => [
      name,
      {
        stages: Object.values(signatures[name]?.inputs ?? {}).map(makeStage),
        inputNames: nodeNames(inputs),
        outputNames: nodeNames(outputs),
        places,
      },
    ]),
  )
  let isOpen = true

  function call(inputs: number[], inputNames: string, outputNames: string): TensorMetadata[] {
    try {
      return native.runSavedModel(id, inputs, inputNames, outputNames)
    } catch (cause) {
      throw engineFailure(cause)
    } finally {
      for (const input of inputs) native.deleteTensor(input)
    }
  }

  function requireOpen(): void {
    if (!isOpen) throw refusal('the session is closed')
  }

  function nodesOf(name: string): StateNodes {
    const nodes = state.get(name)
    if (!nodes) throw unknownState(name)
    return nodes
  }

  return {
    run(signature, feeds) {
      requireOpen()
      const prepared = calls.get(signature)
      if (!prepared) throw refusal(`there is no signature '${signature}'`)
      const values = checkFeeds(signature, signatures[signature]?.inputs ?? {}, feeds)
      const inputs = prepared.stages.map((stage, index) => stage(values[index]))
      const results = call(inputs, prepared.inputNames, prepared.outputNames).map(take)
      const outputs: Record<string, Float32Array | Int32Array> = {}
      for (const { name, fetch, begin, length } of prepared.places) {
        const read = results[fetch]
        if (read === undefined || read instanceof Uint8Array) throw new Error(`output ${name} has an unexpected type`)
        outputs[name] = read.subarray(begin, begin + length)
      }
      return outputs
    },

    set(values) {
      requireOpen()
      const entries = Object.entries(values)
      if (entries.length === 0) return
      for (const [name, tensor] of entries) checkValues(name, state.get(name), tensor)
      const nodes = entries.map(([name]) => nodesOf(name))
      // The graph copies what it is fed (DeepCopy), so the arrays may be handed over as they are.
      const inputs = entries.map(([, { type, shape, values }]) => native.createTensor(shape, nativeType(type), values))
      const feeds = nodes.map(({ feed }) => feed).join(',')
      for (const done of call(inputs, feeds, nodes.map(({ done }) => done).join(','))) native.deleteTensor(done.id)
    },

    get(names) {
      requireOpen()
      const wanted = readable(state, names)
      if (wanted.length === 0) return {}
      const nodes = wanted.map(nodesOf)
      const values = call([], '', nodes.map(({ get }) => get).join(',')).map(take)
      const result: Record<string, StoredTensor> = {}
      nodes.forEach(({ type, shape }, index) => {
        const name = wanted[index]
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

/**
 * Uploads the values of one input. They are staged at an address that is not a multiple of 64, which makes TensorFlow copy them: a feed
 * that shared memory with JavaScript would go on sharing it as part of the state, if a step passes it through.
 */
function makeStage({ shape, dtype }: InputSpec): (values: TensorValues | undefined) => number {
  const type = nativeType(dtype)
  const elements = shape.reduce((a, b) => a * b, 1)
  const memory = new ArrayBuffer(4 * elements + 4)
  const staged = type === INT32 ? new Int32Array(memory, 4) : new Float32Array(memory, 4)
  return (values = staged) => {
    staged.set(values)
    return native.createTensor(shape, type, staged)
  }
}

function nodeNames(ports: SignaturePorts['inputs']): string {
  return [...ports.values()].map(({ node }) => node).join(',')
}

/** Values of a fetched tensor; its handle is freed. */
function take({ id }: TensorMetadata): TensorValues {
  const values = native.tensorDataSync(id)
  native.deleteTensor(id)
  return values
}
