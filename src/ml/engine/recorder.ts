import type { Tensor } from '@tensorflow/tfjs-core'
import { backend, FLOAT32, handleOf, type NativeBinding, native } from './binding.js'
import { engineFailure, refusal } from './failure.js'
import { type GraphBuilder, isUniform, makeConstants } from './graph.js'
import { attr } from './proto.js'

/** TensorFlow's XLA kernels of these draw other numbers than its own: they stay outside of XLA clusters, so that both give equal bits. */
const OUTSIDE_XLA = /^(Stateless|Bitcast)/
/** A non-uniform constant above this many elements that was made in JavaScript during the step is taken for frozen randomness. */
const FROZEN_ABOVE = 64

/** Reference `node:index` of a tensor, for use while recording. */
export type ReferenceOf = (tensor: Tensor) => string

/** What operations that write nodes by hand need of the recording in progress. */
export interface Recording {
  readonly graph: GraphBuilder
  /** Of a tensor, as seen from the present frame. */
  readonly referenceOf: ReferenceOf
  /** From now on `tensor` stands for that output of a node of the present frame; its own values are of no account. */
  bind(tensor: Tensor, reference: string): void
  /** Runs `work` inside a frame of a loop: what it uses from outside passes through `enter` first, once each. XLA stays out of loops. */
  inFrame<T>(enter: (outer: string, dtype: number) => string, work: () => T): T
}

/** Where operations are recorded to: the graph itself, or the frame of a loop in it. */
interface Frame {
  readonly known: Map<number, string>
  readonly outer: { readonly frame: Frame; readonly enter: (outer: string, dtype: number) => string } | null
}

let current: Recording | null = null

/** The recording in progress; null when operations merely run. */
export function currentRecording(): Recording | null {
  return current
}

/**
 * Runs `work` once, eagerly, and turns every operation that it executes into a node. `known` maps native handles (state, inputs) to references.
 * @throws ENGINE_FAILED when the work cannot be replayed: it uses a tensor from outside of its state and inputs, draws random numbers in
 * JavaScript, holds a large constant that looks like such a draw, or reads a tensor back to the host.
 */
export function record<T>(
  graph: GraphBuilder,
  known: Map<number, string>,
  xlaScope: string | null,
  work: (referenceOf: ReferenceOf) => T,
): T {
  /** Values that the work itself made in JavaScript, such as tf.scalar(2); clones and reshapes of a tensor share its `dataId`. */
  const own = new WeakSet<object>()
  const uploaded = new Map<number, { shape: readonly number[]; dtype: number; isOwn: boolean }>()
  const constantOf = makeConstants(graph)
  const dtypes = new Map<number, number>()
  const root: Frame = { known, outer: null }
  let frame = root

  function reference(use: string, id: number, from: Frame = frame): string {
    const earlier = from.known.get(id)
    if (earlier !== undefined) return earlier
    if (from.outer) {
      const outside = reference(use, id, from.outer.frame)
      const entered = from.outer.enter(outside, uploaded.get(id)?.dtype ?? dtypes.get(id) ?? FLOAT32)
      from.known.set(id, entered)
      return entered
    }
    const tensor = uploaded.get(id)
    if (!tensor?.isOwn) {
      const shape = tensor ? `[${tensor.shape}]` : 'of unknown shape'
      throw refusal(
        `the step captures a tensor ${shape} (in ${use}) that is neither its state nor its input: it would be frozen into the graph. Pass it as state.`,
      )
    }
    const elements = tensor.shape.reduce((a, b) => a * b, 1)
    if (elements > FROZEN_ABOVE && !isUniform(native.tensorDataSync(id)))
      throw refusal(
        `the step makes a constant [${tensor.shape}] (in ${use}) whose values differ: randomness drawn in JavaScript would be frozen into the graph. Use a stateless random operation, or pass the constant as state.`,
      )
    const constant = constantOf(id, tensor.shape, tensor.dtype)
    root.known.set(id, constant)
    return constant
  }

  const executeOp: NativeBinding['executeOp'] = (op, attributes, inputs, outputs) => {
    const references = inputs.map((id) => reference(op, id))
    const results = executed(op, attributes, inputs, outputs)
    const nodeAttributes = Object.fromEntries(attributes.map((attribute) => [attribute.name, attr.of(attribute)]))
    if (xlaScope !== null && frame === root && !OUTSIDE_XLA.test(op)) {
      nodeAttributes._XlaCompile = attr.bool(true)
      nodeAttributes._XlaScope = attr.string(xlaScope)
    }
    const node = graph.node(op, references, nodeAttributes)
    graph.produced(node, results)
    results.forEach((result, index) => {
      frame.known.set(result.id, `${node}:${index}`)
      dtypes.set(result.id, result.dtype)
    })
    return results
  }
  const referenceOf: ReferenceOf = (tensor) => reference('its result', handleOf(tensor))

  function recording<R>(work: () => R): R {
    if (current) throw refusal('a step that is being recorded compiles another one')
    current = {
      graph,
      referenceOf,
      bind(tensor, to) {
        frame.known.set(handleOf(tensor), to)
      },
      inFrame(enter, inner) {
        const before = frame
        frame = { known: new Map(), outer: { frame: before, enter } }
        try {
          return inner()
        } finally {
          frame = before
        }
      },
    }
    try {
      return work()
    } finally {
      current = null
    }
  }

  // The addon's own properties are read-only: a new one is defined in front of them, the rest is inherited.
  const binding: NativeBinding = Object.create(native, { executeOp: { value: executeOp } })

  const { getInputTensorIds, move, readSync } = backend
  return replacing(
    backend,
    {
      binding,
      move(dataId, ...rest) {
        own.add(dataId)
        move.call(backend, dataId, ...rest)
      },
      getInputTensorIds(tensors) {
        const ids = getInputTensorIds.call(backend, tensors)
        ids.forEach((id, index) => {
          const tensor = tensors[index]
          // tfjs uploads values when they are first used, so only now may a tensor from outside have got its handle.
          if (tensor?.dataId && !dtypes.has(id) && !uploaded.has(id)) {
            const { dtype } = backend.tensorMap.get(tensor.dataId)
            uploaded.set(id, { shape: tensor.shape, dtype, isOwn: own.has(tensor.dataId) })
          }
        })
        return ids
      },
      readSync(dataId) {
        if (!own.has(dataId))
          throw refusal(
            'the step reads a computed value, or one from outside, back to the host: a recorded step must stay within tensors',
          )
        return readSync.call(backend, dataId)
      },
    },
    () => withoutRandom(() => recording(() => work(referenceOf))),
  )
}

function executed(...call: Parameters<NativeBinding['executeOp']>) {
  try {
    return native.executeOp(...call)
  } catch (cause) {
    throw engineFailure(cause, call[0])
  }
}

/** tfjs seeds each of its generators by Math.random: masks too small for the check of constants are caught here. */
function withoutRandom<T>(work: () => T): T {
  const random = () => {
    throw refusal(
      'the step draws randomness in JavaScript, which would be frozen into the graph. Use a stateless random operation.',
    )
  }
  return replacing(Math, { random }, work)
}

/** Runs `work` while `target` has other members. */
function replacing<O extends object, M extends Partial<O>, T>(target: O, members: M & ThisType<O>, work: () => T): T {
  const before = Object.getOwnPropertyDescriptors(target)
  Object.assign(target, members)
  try {
    return work()
  } finally {
    for (const name of Object.keys(members)) {
      const descriptor = before[name as keyof typeof before]
      // A member that came from the prototype shows again once the own one is gone.
      if (descriptor) Object.defineProperty(target, name, descriptor)
      else Reflect.deleteProperty(target, name)
    }
  }
}
