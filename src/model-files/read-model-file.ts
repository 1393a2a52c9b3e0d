import type { LayersModel } from '../contracts/model.js'
import type { UploadedModel } from '../contracts/model-upload.js'
import { FormatError } from '../formats/format-error.js'
import { readKerasArchive } from './keras-archive.js'
import { FORMATS, type ModelFile, readSafetensorsModel } from './model-file.js'
import { readTfjsArchive } from './tfjs.js'
import { isZip, unzip } from './zip.js'

const HDF5 = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]
/** After the eight bytes of its length comes the header of safetensors, which has to begin with `{`. */
const HEADER_AT = 8

/**
 * A model in one of the formats, told by its content. `layers` are those of safetensors, which hold none; `maxBytes`: what an archive may unpack to.
 * @throws FormatError that says what is wrong, and where
 */
export async function readModelFile(
  bytes: Uint8Array,
  layers: LayersModel | null,
  maxBytes: number,
): Promise<ModelFile & { readonly format: UploadedModel['format'] }> {
  if (bytes.length === 0) throw new FormatError('the file is empty')
  if (HDF5.every((byte, at) => bytes[at] === byte))
    throw new FormatError('the file is HDF5: save the model as .keras (Keras 3)')
  if (!isZip(bytes)) {
    if (bytes[HEADER_AT] !== 0x7b)
      throw new FormatError(`the file is neither an archive nor safetensors; ${FORMATS}. ONNX and PyTorch are not`)
    return { format: 'safetensors', ...readSafetensorsModel(bytes, layers) }
  }
  if (layers !== null) throw new FormatError('an archive has its own layers: leave topology out')
  const archive = await unzip(bytes, maxBytes)
  if (archive.has('config.json')) return { format: 'keras', ...(await readKerasArchive(archive)) }
  if ([...archive.keys()].some((name) => name.split('/').at(-1) === 'saved_model.pb'))
    throw new FormatError(`the archive is a TensorFlow SavedModel, which is not read; ${FORMATS}`)
  return { format: 'tfjs', ...readTfjsArchive(archive) }
}
