import type { Certificate } from '../contracts/certificate.js'
import type { DatasetSchema } from '../contracts/dataset.js'
import type { LayersModel } from '../contracts/model.js'
import { decodeSafetensors } from '../formats/safetensors.js'
import { dataShape, type PlannedSpec } from '../planning/planned-spec.js'
import { expandModel, type NamedModel } from '../planning/presets.js'
import { certify } from './certificate.js'
import { engineInfo } from './engine/info.js'
import { sha256 } from './export.js'
import { buildModel } from './models/model.js'

/** The files of a finished job that its certificate rests on; `report` is report.json. */
export interface VerificationFiles {
  readonly certificate: Certificate
  readonly report: {
    readonly spec: PlannedSpec
    readonly dataset: DatasetSchema
    /** Of the smaller network. */
    readonly model: NamedModel
    /** Of a job that started from a finished model: that one. */
    readonly start?: LayersModel
  }
  readonly masked: Uint8Array
  readonly compacted: Uint8Array
  readonly inputs: Uint8Array
}

export interface Verification {
  /** Names of files that are not those that the certificate names. */
  readonly changedFiles: readonly string[]
  /** Made anew, on this machine. */
  readonly certificate: Certificate
}

/**
 * Applies both networks to the examples once more.
 * @throws FormatError for a file that is no safetensors; ENGINE_MISSING, ENGINE_FAILED
 */
export function verify({ certificate, report, masked, compacted, inputs }: VerificationFiles): Verification {
  const { spec, dataset, model, start } = report
  const files = [
    ['masked.safetensors', masked, certificate.maskedSha256],
    ['compacted.safetensors', compacted, certificate.compactSha256],
    ['certificate-inputs.safetensors', inputs, certificate.inputsSha256],
  ] as const
  const dense = buildModel(
    expandModel(spec.model, dataShape(dataset), start ? { model: start, normalization: null } : null),
    spec.loss,
  )
  const small = buildModel(model, spec.loss)
  return {
    changedFiles: files.flatMap(([name, bytes, hash]) => (sha256(bytes) === hash ? [] : [name])),
    certificate: certify(
      { model: dense, weights: decodeSafetensors(masked).tensors },
      { model: small, weights: decodeSafetensors(compacted).tensors },
      { examples: decodeSafetensors(inputs).tensors, split: certificate.split, target: dataset.target },
      { step: certificate.step, pins: { ...engineInfo(), xla: false, seed: spec.seed } },
    ),
  }
}
