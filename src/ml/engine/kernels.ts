import type * as tfjs from '@tensorflow/tfjs-core'
import type { NativeBackend, OpAttribute } from './binding.js'

const TF_TYPE: Readonly<Record<string, number>> = { float32: 1, int32: 3, bool: 10 }

/** Kernels of tfjs-node 4.22 that cannot be recorded or are wrong, registered anew. Called once, before any operation runs. */
export function installKernels(tf: typeof tfjs): void {
  const replace = (kernelName: string, kernelFunc: tfjs.KernelFunc) => {
    tf.unregisterKernel(kernelName, 'tensorflow')
    tf.registerKernel({ kernelName, backendName: 'tensorflow', kernelFunc })
  }
  // The stock kernel reads the indices back to the host to check them.
  replace('GatherV2', ({ inputs, attrs, backend }) => {
    const { x, indices } = inputs as { x: tfjs.Tensor; indices: tfjs.Tensor }
    const { axis, batchDims } = attrs as unknown as { axis: number; batchDims?: number }
    const { run, type, int } = operations(backend)
    const axisTensor = tf.scalar(axis, 'int32')
    const attributes = [
      int('batch_dims', batchDims ?? 0),
      type('Tparams', x.dtype),
      type('Tindices', indices.dtype),
      type('Taxis', 'int32'),
    ]
    const result = run('GatherV2', attributes, [x, indices, axisTensor])
    axisTensor.dispose()
    return result
  })
  // The stock kernel passes no attributes; a graph must have them.
  replace('ExpandDims', ({ inputs, attrs, backend }) => {
    const { input } = inputs as { input: tfjs.Tensor }
    const { dim } = attrs as unknown as { dim: number }
    const { run, type } = operations(backend)
    const dimTensor = tf.scalar(dim, 'int32')
    const result = run('ExpandDims', [type('T', input.dtype), type('Tdim', 'int32')], [input, dimTensor])
    dimTensor.dispose()
    return result
  })
  // The stock kernel drops halfPixelCenters: the gradient of an up-sampling by pixel centres is a third off.
  replace('ResizeBilinearGrad', ({ inputs, attrs, backend }) => {
    const { images, dy } = inputs as { images: tfjs.Tensor; dy: tfjs.Tensor }
    const { alignCorners, halfPixelCenters } = attrs as unknown as { alignCorners: boolean; halfPixelCenters: boolean }
    const { run, type, bool } = operations(backend)
    const attributes = [
      type('T', images.dtype),
      bool('align_corners', alignCorners),
      bool('half_pixel_centers', halfPixelCenters),
    ]
    return run('ResizeBilinearGrad', attributes, [dy, images])
  })
}

function operations(backend: unknown) {
  // The kernels above are registered for the 'tensorflow' backend alone, which is this one.
  const node = backend as NativeBackend & {
    executeSingleOutput(op: string, attributes: OpAttribute[], inputs: tfjs.Tensor[]): tfjs.Tensor
  }
  const typeOf = (dtype: string): number => {
    const known = TF_TYPE[dtype]
    if (known === undefined) throw new Error(`no TensorFlow type for ${dtype}`)
    return known
  }
  return {
    run: (op: string, attributes: OpAttribute[], inputs: tfjs.Tensor[]) =>
      node.executeSingleOutput(op, attributes, inputs),
    type: (name: string, dtype: string): OpAttribute => ({
      name,
      type: node.binding.TF_ATTR_TYPE,
      value: typeOf(dtype),
    }),
    int: (name: string, value: number): OpAttribute => ({ name, type: node.binding.TF_ATTR_INT, value }),
    bool: (name: string, value: boolean): OpAttribute => ({ name, type: node.binding.TF_ATTR_BOOL, value }),
  }
}
