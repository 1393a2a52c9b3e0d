import type { TrainingJobSpec } from '../contracts/training-job-spec.js'
import type { Finding } from './checks.js'
import { cannotExport } from './keras/to-keras.js'
import type { NamedModel } from './presets.js'

/** Formats that cannot say what a layer does. */
export function checkExports({ exports }: Pick<TrainingJobSpec, 'exports'>, model: NamedModel): Finding[] {
  return exports.flatMap((format, index) => {
    if (format !== 'keras' && format !== 'tfjs') return []
    return cannotExport(model, format).map(
      ({ layer, reason }): Finding => ({
        code: 'SPEC_INVALID',
        pointer: `/exports/${index}`,
        detail: `layer '${layer}' cannot be exported: ${reason}; take onnx or saved-model, or another layer`,
      }),
    )
  })
}
