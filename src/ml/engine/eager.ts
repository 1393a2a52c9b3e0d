import type { Tensor } from '@tensorflow/tfjs-core'
import { EspalierError } from '../../errors.js'
import type { StoredTensor, StoredTensors, TensorValues } from '../../formats/safetensors.js'
import { checkFeeds, checkValues } from './feeds.js'
import type { Port } from './graph.js'
import { nativeType, upload } from './opaque.js'
import { tf } from './tensorflow.js'
import type { Session, SignatureSpec, Tensors } from './types.js'

/** The same session without a graph: every `run` calls the step itself. For tests, and to look for the operation at fault. */
export function runEagerly(initial: StoredTensors, signatures: Readonly<Record<string, SignatureSpec>>): Session {
  const declared = new Map(Object.entries(initial))
  const state: Record<string, Tensor> = {}
  for (const [name, tensor] of declared) state[name] = upload(tensor)

  return {
    run(name, feeds) {
      const spec = signatures[name]
      if (!spec) throw new EspalierError('ENGINE_FAILED', `there is no signature '${name}'`)
      const checked = checkFeeds(name, portsOf(spec), feeds)
      const kept = tf.tidy((): Record<string, Tensor> => {
        const inputs: Record<string, Tensor> = {}
        Object.keys(spec.inputs).forEach((key, index) => {
          const feed = checked[index]
          if (feed)
            inputs[key] = upload({
              type: feed.values instanceof Float32Array ? 'float32' : 'int32',
              shape: feed.shape,
              values: feed.values,
            })
        })
        const result = spec.step({ state, inputs })
        return { ...prefixed('state', result.state ?? {}), ...prefixed('output', result.outputs) }
      })
      const outputs: Record<string, Float32Array | Int32Array> = {}
      for (const [key, tensor] of Object.entries(kept)) {
        const [kind = '', ...rest] = key.split(':')
        const entry = rest.join(':')
        if (kind === 'output') {
          // float32 and int32 tensors are the only ones that a step may return.
          outputs[entry] = tensor.dataSync() as Float32Array | Int32Array
          tensor.dispose()
        } else if (declared.has(entry)) {
          state[entry]?.dispose()
          state[entry] = tensor
        } else
          throw new EspalierError(
            'ENGINE_FAILED',
            `signature '${name}' returns state '${entry}', which was not declared`,
          )
      }
      return outputs
    },
    set(values) {
      for (const [name, tensor] of Object.entries(values)) {
        const known = declared.get(name)
        if (!known) throw new EspalierError('ENGINE_FAILED', `there is no state '${name}'`)
        checkValues(name, known, tensor)
        state[name]?.dispose()
        state[name] = upload(tensor)
      }
    },
    get(names = [...declared].filter(([, { type }]) => type !== 'uint8').map(([name]) => name)) {
      const result: Record<string, StoredTensor> = {}
      for (const name of names) {
        const tensor = state[name]
        const known = declared.get(name)
        if (!tensor || !known) throw new EspalierError('ENGINE_FAILED', `there is no state '${name}'`)
        if (known.type === 'uint8')
          throw new EspalierError('ENGINE_FAILED', `state '${name}' is uint8, which cannot be read back`)
        result[name] = { type: known.type, shape: known.shape, values: (tensor.dataSync() as TensorValues).slice() }
      }
      return result
    },
    close() {
      tf.dispose(state)
      for (const name of Object.keys(state)) delete state[name]
    },
  }
}

/** `tidy` disposes what is not returned: one flat record, with clones for what the step handed through. */
function prefixed(kind: string, tensors: Tensors): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [`${kind}:${name}`, tf.clone(tensor)]))
}

function portsOf({ inputs }: SignatureSpec): Map<string, Port> {
  return new Map(
    Object.entries(inputs).map(([name, { shape, dtype }]) => [name, { node: name, shape, dtype: nativeType(dtype) }]),
  )
}
