import { BOOL as TF_BOOL, FLOAT32 as TF_FLOAT32 } from '../engine/binding.js'
import type { AttrData } from '../engine/proto.js'
import type { TracedConstant, TracedNode } from '../engine/trace.js'
import type { Extent } from './free-batch.js'
import type { OnnxGraph } from './onnx-graph.js'
import { BOOL, FLOAT, INT32, type OnnxAttribute } from './onnx-proto.js'

/** What the translation of an operation sees. */
export interface Translation {
  readonly graph: OnnxGraph
  readonly node: TracedNode
  /** Names of its inputs. */
  readonly inputs: readonly string[]
  /** Shapes of its inputs, the batch as it was traced; the number of axes is what counts. */
  readonly shapes: readonly (readonly number[])[]
  /** The whole numbers of an input that is a constant, or follows the batch. */
  extentsOf(place: number): readonly Extent[]
  /** Values of an input that is a constant. */
  constantOf(place: number): TracedConstant
}

/** @returns names of the outputs */
export type Translate = (translation: Translation) => readonly string[]

export const onnxType = (dtype: number): number => (dtype === TF_FLOAT32 ? FLOAT : dtype === TF_BOOL ? BOOL : INT32)

export const same =
  (op: string, attributes: Readonly<Record<string, OnnxAttribute>> = {}): Translate =>
  ({ graph, inputs }) => [graph.node(op, inputs, attributes)]

export const attribute = <T extends AttrData | undefined>({ node }: Translation, name: string): T =>
  node.attributes[name] as T // as TensorFlow has it

export const scalar = ({ graph }: Translation, value: number) =>
  graph.constant(FLOAT, [], new Uint8Array(Float32Array.of(value).buffer))
