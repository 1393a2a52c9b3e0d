import { zipSync } from 'fflate'
import h5wasm from 'h5wasm'
import type { StoredTensors } from '../../formats/safetensors.js'
import { topologyOf } from '../../planning/keras/to-keras.js'
import { groupsOf, variablesOf } from '../../planning/keras/weight-places.js'
import type { NamedModel } from '../../planning/presets.js'
import { describeLayers } from '../../planning/shapes.js'
import type { ModelCard } from './card.js'

/** Of the format, not of a library: what `keras.saving.load_model` of Keras 3 reads. */
const KERAS_VERSION = '3.0.0'
/** The same weights give the same bytes. */
const DATE = '2020-01-01@00:00:00'
const ZIP_DATE = new Date('2020-01-01T00:00:00Z')

/**
 * The model as a `.keras` archive: metadata.json, config.json and model.weights.h5 in a zip.
 * @param isId The input are ids, int32.
 * @throws Error naming the layer that Keras has no like of: planning refuses such an export before.
 * @see keras/src/saving/saving_lib.py of Keras 3.
 */
export async function encodeKeras(
  model: NamedModel,
  weights: StoredTensors,
  isId: boolean,
  card: ModelCard,
): Promise<Uint8Array> {
  const { layers, ...ends } = topologyOf(model, 'keras', isId)
  const config = {
    module: 'keras.src.models.functional',
    class_name: 'Functional',
    registered_name: null,
    config: {
      ...{ name: 'espalier', trainable: true },
      layers: layers.map((layer) => ({ module: 'keras.layers', registered_name: null, ...layer })),
      ...ends,
    },
    build_config: { input_shape: [null, ...model.inputShape] },
  }
  const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
  return zipSync(
    {
      'metadata.json': text({ keras_version: KERAS_VERSION, date_saved: DATE, espalier: card }),
      'config.json': text(config),
      'model.weights.h5': await encodeWeightsH5(model, layers, weights),
    },
    { level: 0, mtime: ZIP_DATE },
  )
}

/** HDF5: `layers/<class>[_n]/vars/<i>`, in recurrent layers `…/cell/vars/<i>`. */
async function encodeWeightsH5(
  model: NamedModel,
  layers: readonly { readonly name: string; readonly class_name: string }[],
  weights: StoredTensors,
): Promise<Uint8Array> {
  const { FS } = await h5wasm.ready
  return atFixedTime(() => writeWeights(FS, model, layers, weights))
}

/** HDF5 writes the time into every dataset; it asks JavaScript for it. */
function atFixedTime<T>(work: () => T): T {
  const { now } = Date
  Date.now = () => ZIP_DATE.getTime()
  try {
    return work()
  } finally {
    Date.now = now
  }
}

function writeWeights(
  FS: Awaited<typeof h5wasm.ready>['FS'],
  model: NamedModel,
  layers: readonly { readonly name: string; readonly class_name: string }[],
  weights: StoredTensors,
): Uint8Array {
  const path = 'model.weights.h5'
  const file = new h5wasm.File(path, 'w')
  const described = new Map(describeLayers(model).map((layer) => [layer.name, Object.keys(layer.weights)]))
  const groups = groupsOf(layers.map(({ class_name }) => class_name))
  file.create_group('layers')
  file.create_group('vars')
  for (const [index, { name, class_name }] of layers.entries()) {
    const group = groups[index] ?? ''
    for (const [place, names] of variablesOf(class_name, described.get(name) ?? [])) {
      const at = makeGroups(file, [...group.split('/'), ...place.split('/')])
      names.forEach((weight, index) => {
        const tensor = weights[weight]
        if (!tensor) throw new Error(`there is no weight '${weight}'`)
        at.create_dataset({
          ...{ name: String(index), data: tensor.values, shape: [...tensor.shape], dtype: '<f4' },
        })
      })
    }
  }
  file.close()
  const bytes = FS.readFile(path)
  FS.unlink(path)
  return bytes
}

type Group = ReturnType<InstanceType<typeof h5wasm.File>['create_group']>

function makeGroups(file: InstanceType<typeof h5wasm.File>, names: readonly string[]): Group {
  let path = ''
  for (const name of names) {
    path = path === '' ? name : `${path}/${name}`
    if (file.get(path) === null) file.create_group(path)
  }
  return file.get(path) as Group // just made
}
