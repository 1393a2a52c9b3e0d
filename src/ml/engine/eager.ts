import type { Tensor } from '@tensorflow/tfjs-core'
import type { StoredTensor, StoredTensors, TensorValues } from '../../formats/safetensors.js'
import { engineFailure, refusal } from './failure.js'
import { checkFeeds, checkOutput, checkUpdate, checkValues, readable } from './feeds.js'
import { upload } from './opaque.js'
import { tf } from './tensorflow.js'
import type { Feeds, Session, SignatureSpec, Tensors } from './types.js'

/** The same session without a graph: every `run` calls the step itself. For tests, and to look for the operation at fault. */
export function runEagerly(initial: StoredTensors, signatures: Readonly<Record<string, SignatureSpec>>): Session {
  const declared = new Map(Object.entries(initial))
  const state = new Map<string, Tensor>()
  let isOpen = true

  function requireOpen(): void {
    if (!isOpen) throw refusal('the session is closed')
  }

  function replace(name: string, tensor: Tensor): void {
    state.get(name)?.dispose()
    state.set(name, tensor)
  }

  function call(name: string, spec: SignatureSpec, feeds: Feeds) {
    const result = spec.step({ state: Object.fromEntries(state), inputs: uploadAll(name, spec, feeds) })
    const updates = Object.entries(result.state ?? {})
    const outputs = Object.entries(result.outputs)
    for (const [key, tensor] of updates) checkUpdate(name, key, declared.get(key), tensor)
    for (const [key, tensor] of outputs) checkOutput(name, key, tensor)
    return {
      // float32 and int32 tensors are the only ones that pass the check. Copies: tfjs hands out the array of a constant itself.
      outputs: Object.fromEntries(
        outputs.map(([key, t]) => [key, (t.dataSync() as Float32Array | Int32Array).slice()]),
      ),
      // Clones that outlive the scope, for what the step made as for what it handed through.
      updates: updates.map(([key, tensor]) => [key, tf.keep(tf.clone(tensor))] as const),
    }
  }

  for (const [name, tensor] of declared) replace(name, upload(tensor))

  return {
    run(name, feeds) {
      requireOpen()
      const spec = signatures[name]
      if (!spec) throw refusal(`there is no signature '${name}'`)
      tf.engine().startScope()
      try {
        const { outputs, updates } = call(name, spec, feeds)
        for (const [key, tensor] of updates) replace(key, tensor)
        return outputs
      } catch (cause) {
        throw engineFailure(cause)
      } finally {
        tf.engine().endScope()
      }
    },
    set(values) {
      requireOpen()
      const entries = Object.entries(values)
      for (const [name, tensor] of entries) checkValues(name, declared.get(name), tensor)
      for (const [name, tensor] of entries) replace(name, upload(tensor))
    },
    get(names) {
      requireOpen()
      const result: Record<string, StoredTensor> = {}
      for (const name of readable(declared, names)) {
        const tensor = state.get(name)
        const known = declared.get(name)
        // State has the declared type, which is not uint8 here.
        if (tensor && known) result[name] = { ...known, values: (tensor.dataSync() as TensorValues).slice() }
      }
      return result
    },
    close() {
      for (const tensor of state.values()) tensor.dispose()
      state.clear()
      isOpen = false
    },
  }
}

function uploadAll(name: string, { inputs }: SignatureSpec, feeds: Feeds): Tensors {
  const checked = checkFeeds(name, inputs, feeds)
  return Object.fromEntries(
    Object.entries(inputs).map(([key, { shape, dtype }], index) => [
      key,
      upload({ type: dtype, shape, values: checked[index] ?? new Float32Array() }),
    ]),
  )
}
