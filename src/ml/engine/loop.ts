import { FLOAT32, INT32 } from './binding.js'
import type { GraphBuilder } from './graph.js'
import { attr } from './proto.js'
import type { Recording } from './recorder.js'

/** References to a TensorArray: its resource, and the flow that orders reads after writes. */
export interface ArrayPorts {
  readonly handle: string
  readonly flow: string
}

/** A TensorArray of `length` empty float32 items. */
export function emptyArray(graph: GraphBuilder, length: number, shape: readonly number[]): ArrayPorts {
  const node = graph.node('TensorArrayV3', [scalar(graph, length)], {
    dtype: attr.type(FLOAT32),
    element_shape: attr.shape(shape),
    identical_element_shapes: attr.bool(true),
    dynamic_size: attr.bool(false),
    clear_after_read: attr.bool(false),
    tensor_array_name: attr.string(''),
  })
  return { handle: `${node}:0`, flow: `${node}:1` }
}

/** A TensorArray of the items along the first axis of `stacked`. */
export function scatteredArray(
  graph: GraphBuilder,
  stacked: string,
  length: number,
  shape: readonly number[],
): ArrayPorts {
  const { handle, flow } = emptyArray(graph, length, shape)
  const inputs = [handle, timeSteps(graph, length), stacked, flow]
  return { handle, flow: `${graph.node('TensorArrayScatterV3', inputs, { T: attr.type(FLOAT32) })}:0` }
}

/** All items in one tensor [time, …]. */
export function gatheredArray(
  graph: GraphBuilder,
  { handle, flow }: ArrayPorts,
  length: number,
  shape: readonly number[],
): string {
  const attributes = { dtype: attr.type(FLOAT32), element_shape: attr.shape(shape) }
  return `${graph.node('TensorArrayGatherV3', [handle, timeSteps(graph, length), flow], attributes)}:0`
}

/** What the body of a loop computes, as references inside of the loop. */
export interface BodyResult {
  readonly carry: readonly string[]
  readonly items: readonly { readonly reference: string; readonly shape: readonly number[] }[]
}

/**
 * A loop of `length` turns in the control flow of TensorFlow 1, which needs no function library: each loop variable goes
 * Enter → Merge → Switch → body → NextIteration → Merge, and leaves by Exit when the count is reached.
 * @returns references to the last carry and to arrays of the items
 */
export function writeLoop(
  { graph, inFrame }: Recording,
  { length, reverse }: { readonly length: number; readonly reverse: boolean },
  arrays: readonly ArrayPorts[],
  carry: readonly string[],
  body: (items: readonly string[], carry: readonly string[]) => BodyResult,
): { readonly carry: readonly string[]; readonly arrays: readonly ArrayPorts[] } {
  const frameName = attr.string(graph.unusedName('loop'))
  const enter = (reference: string, type: ReturnType<typeof attr.type>, isConstant: boolean): string =>
    `${graph.node('Enter', [reference], {
      T: type,
      frame_name: frameName,
      is_constant: attr.bool(isConstant),
      parallel_iterations: attr.integer(PARALLEL_TURNS),
    })}:0`

  const float = attr.type(FLOAT32)
  const int = attr.type(INT32)
  const constant = (value: number): string => enter(scalar(graph, value), int, true)

  /** A value that the loop hands from turn to turn. */
  function variable(initial: string, type: typeof float) {
    const next = graph.unusedName('NextIteration')
    const merge = graph.node('Merge', [enter(initial, type, false), next], { T: type, N: attr.integer(2) })
    return {
      merged: `${merge}:0`,
      /** @returns the references inside of the body, and after the loop */
      guard(condition: string) {
        const node = graph.node('Switch', [`${merge}:0`, condition], { T: type })
        return { inside: `${node}:1`, after: `${graph.node('Exit', [`${node}:0`], { T: type })}:0` }
      },
      update(reference: string) {
        graph.node('NextIteration', [reference], { T: type }, next)
      },
    }
  }

  const count = variable(scalar(graph, 0), int)
  const less = graph.node('Less', [count.merged, constant(length)], { T: int })
  const condition = `${graph.node('LoopCond', [`${less}:0`])}:0`
  const turn = count.guard(condition).inside
  count.update(`${graph.node('AddV2', [turn, constant(1)], { T: int })}:0`)
  const time = reverse ? `${graph.node('Sub', [constant(length - 1), turn], { T: int })}:0` : turn

  const carried = carry.map((reference) => variable(reference, float))
  const guarded = carried.map((each) => each.guard(condition))
  const items = arrays.map(({ handle, flow }) => {
    const inputs = [enter(handle, attr.type(RESOURCE), true), time, enter(flow, float, true)]
    return `${graph.node('TensorArrayReadV3', inputs, { dtype: float })}:0`
  })
  const result = inFrame(
    (outer, dtype) => enter(outer, attr.type(dtype), true),
    () =>
      body(
        items,
        guarded.map(({ inside }) => inside),
      ),
  )
  carried.forEach((each, index) => {
    each.update(at(result.carry, index))
  })
  const written = result.items.map(({ reference, shape }) => {
    const { handle, flow } = emptyArray(graph, length, shape)
    const order = variable(flow, float)
    const { inside, after } = order.guard(condition)
    const inputs = [enter(handle, attr.type(RESOURCE), true), time, reference, inside]
    order.update(`${graph.node('TensorArrayWriteV3', inputs, { T: float })}:0`)
    return { handle, flow: after }
  })
  return { carry: guarded.map(({ after }) => after), arrays: written }
}

/** `DataType` of a resource handle. */
const RESOURCE = 20
/** Turns that may be in flight at once: what does not depend on the turn before is computed ahead. TensorFlow's own default. */
const PARALLEL_TURNS = 32

function scalar(graph: GraphBuilder, value: number): string {
  return `${graph.constant(INT32, [], Int32Array.of(value))}:0`
}

function timeSteps(graph: GraphBuilder, length: number): string {
  return `${graph.constant(
    INT32,
    [length],
    Int32Array.from({ length }, (_, index) => index),
  )}:0`
}

function at(list: readonly string[], index: number): string {
  const found = list[index]
  if (found === undefined) throw new Error('the body of the loop returned another number of tensors than it was given')
  return found
}
