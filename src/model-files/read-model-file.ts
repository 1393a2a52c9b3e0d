import type { LayersModel } from '../contracts/model.js'
import type { UploadedModel } from '../contracts/model-upload.js'
import { FormatError } from '../formats/format-error.js'
import { readKerasArchive } from './keras-archive.js'
import { type ModelFile, readSafetensorsModel } from './model-file.js'
import { readTfjsArchive } from './tfjs.js'
import { isZip, unzip } from './zip.js'

/**
 * A model in one of the formats, told by its content. `layers` are those of safetensors, which hold none; `maxBytes`: what an archive may unpack to.
 * @throws FormatError that says what is wrong, and where
 */
export async function readModelFile(
  bytes: Uint8Array,
  layers: LayersModel | null,
  maxBytes: number,
): Promise<ModelFile & { readonly format: UploadedModel['format'] }> {
  if (!isZip(bytes)) {
    if (layers === null)
      throw new FormatError(
        'the file is no archive, so it has to be safetensors, which needs the layers: give them in topology',
      )
    return { format: 'safetensors', ...readSafetensorsModel(bytes, layers) }
  }
  if (layers !== null) throw new FormatError('an archive has its own layers: leave topology out')
  const archive = await unzip(bytes, maxBytes)
  if (archive.has('config.json')) return { format: 'keras', ...(await readKerasArchive(archive)) }
  return { format: 'tfjs', ...readTfjsArchive(archive) }
}
