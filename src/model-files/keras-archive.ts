import { FormatError } from '../formats/format-error.js'
import { groupsOf, variablesOf } from '../planning/keras/weight-places.js'
import { readHdf5 } from './hdf5.js'
import type { Variables } from './hdf5-reader.js'
import { checked, type ModelFile, readKerasTopology } from './model-file.js'
import { jsonOf } from './zip.js'

const WEIGHTS = 'model.weights.h5'

/**
 * The files of a `.keras` archive of Keras 3, by name: config.json and model.weights.h5.
 * @throws FormatError naming the layer, key or tensor at fault
 * @see keras/src/saving/saving_lib.py of Keras 3.
 */
export async function readKerasArchive(archive: ReadonlyMap<string, Uint8Array>): Promise<ModelFile> {
  const config = jsonOf(archive, 'config.json')
  const { model, layers, places } = readKerasTopology(config)
  const h5 = archive.get(WEIGHTS)
  if (!h5) throw new FormatError(`the archive has no ${WEIGHTS}`)
  const classes = classNamesOf(config)
  const groups = groupsOf(classes)
  const variables = layers.flatMap(({ name: layer, weights }, index): Variables[] => {
    const place = places[index] ?? -1
    return variablesOf(classes[place] ?? '', Object.keys(weights)).map(([below, names]) => ({
      group: `${groups[place]}/${below}`,
      layer,
      weights: names.map((name) => ({ name, shape: weights[name]?.shape ?? [] })),
    }))
  })
  const values = await readHdf5(h5, { groups, variables })
  const tensors = variables.flatMap((each) =>
    each.weights.map(({ name, shape }) => {
      const tensor = { type: 'float32' as const, shape, values: values[name] ?? new Float32Array() }
      return [name, checked(name, tensor, shape)] as const
    }),
  )
  return { model, weights: Object.fromEntries(tensors) }
}

/** Of the layers as the config lists them; that it is a model is known. An early Keras listed them without more. */
function classNamesOf(config: unknown): string[] {
  const { config: own } = config as { config: { layers?: { class_name: string }[] } | { class_name: string }[] }
  const layers = Array.isArray(own) ? own : (own.layers ?? [])
  return layers.map(({ class_name }) => class_name)
}
