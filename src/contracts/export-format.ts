/** Files that a job can deliver, and what reads them. */
export const EXPORT_FORMATS = {
  safetensors: 'weights.safetensors: every weight, float32',
  sparse: 'weights.sparse: the same, small where many are 0',
  float16: 'weights-float16.safetensors: half the bytes; the report says what it costs',
  int8: 'weights-int8.safetensors: a quarter of the bytes, with a scale for each output; the report says what it costs',
  keras: 'model.keras: keras.saving.load_model of Keras 3',
  tfjs: 'tfjs-model.json and tfjs-weights.bin: loadLayersModel of TensorFlow.js',
  'saved-model': 'saved-model.zip: tf.saved_model.load, TensorFlow Serving; batches of any size',
  onnx: 'model.onnx: onnxruntime and others, opset 17; batches of any size',
} as const
export type ExportFormat = keyof typeof EXPORT_FORMATS
export const EXPORT_FORMAT_NAMES = Object.keys(EXPORT_FORMATS) as ExportFormat[]
