import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { tf } from '../../src/ml/engine/tensorflow.js'
import { buildModel } from '../../src/ml/models/model.js'
import { readModelFile } from '../../src/model-files/read-model-file.js'
import { pythonWith } from '../support/python.js'

const python = pythonWith('keras', 'tensorflow')
const SCRIPT = `
import json, sys, numpy as np, keras
from keras import layers as L
keras.utils.set_random_seed(5)
a = keras.Input((6, 6, 3))
x = L.Conv2D(4, 3, padding='same', use_bias=False)(a)
x = L.BatchNormalization()(x)
y = L.Conv2D(4, 3, padding='same', activation='relu')(x)
x = L.add([x, y])
x = L.GlobalAveragePooling2D()(x)
conv = keras.Model(a, L.Dense(3, activation='softmax')(x))
conv.layers[2].set_weights([np.random.rand(4).astype('float32') + .5 for _ in range(4)])
rnn = keras.Sequential([keras.Input((5, 3)), L.Bidirectional(L.LSTM(4, return_sequences=True)), L.LSTM(3), L.Dense(2), L.Dense(2)])
for name, model in (('conv', conv), ('rnn', rnn)):
    x = np.random.rand(2, *model.input_shape[1:]).astype('float32')
    model.save(f'{sys.argv[1]}/{name}.keras')
    json.dump({'x': x.ravel().tolist(), 'shape': list(x.shape), 'y': model.predict(x, verbose=0).ravel().tolist()}, open(f'{sys.argv[1]}/{name}.json', 'w'))
`

it.skipIf(python === null)(
  'a model that Keras has saved gives what it gives in Keras',
  { timeout: 120_000 },
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'espalier-keras-'))
    execFileSync(python ?? '', ['-c', SCRIPT, folder], { stdio: 'pipe' })
    for (const name of ['conv', 'rnn']) {
      const { x, shape, y } = JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8'))
      const { model, weights } = await readModelFile(readFileSync(path.join(folder, `${name}.keras`)), null, 2 ** 24)
      const tensors = Object.fromEntries(
        Object.entries(weights).map(([key, value]) => [key, tf.tensor(value.values, [...value.shape])]),
      )
      const found = [...buildModel(model, 'mean-squared-error').apply(tensors, tf.tensor(x, shape)).dataSync()]
      expect(Math.max(...found.map((value, at) => Math.abs(value - y[at])))).toBeLessThan(1e-6)
    }
  },
)
