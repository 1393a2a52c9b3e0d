import { strToU8, zipSync } from 'fflate'
import h5wasm from 'h5wasm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeSafetensors, type StoredTensors } from '../../src/formats/safetensors.js'
import { encodeSparse } from '../../src/formats/sparse.js'
import { quantized } from '../../src/ml/exports/quantization.js'
import { createDataset, form, postJob, problemOf, specFor } from './answers.js'
import { type Scene, startScene } from './scene.js'

const floats = (shape: number[], fill = 0.5) => ({
  type: 'float32' as const,
  shape,
  values: new Float32Array(shape.reduce((one, other) => one * other, 1)).fill(fill),
})
const TENSORS: StoredTensors = { 'output/kernel': floats([2, 3]), 'output/bias': floats([3]) }
const TOPOLOGY = { kind: 'layers', inputShape: [2], layers: [{ type: 'dense', name: 'output', units: 3 }] }
const KERAS = {
  class_name: 'Sequential',
  config: {
    layers: [
      { class_name: 'InputLayer', config: { batch_shape: [null, 2] } },
      { class_name: 'Dense', config: { name: 'output', units: 3 } },
    ],
  },
}
const json = (value: unknown) => strToU8(JSON.stringify(value))

let scene: Scene
let datasetId: string
beforeAll(async () => {
  scene = await startScene()
  datasetId = await createDataset(scene)
})
afterAll(() => scene?.close())

function upload(file: Uint8Array, fields: Record<string, string> = {}, headers: Record<string, string> = {}) {
  const body = form([
    ...Object.entries(fields).map(([name, value]) => ({ name, value })),
    { name: 'file', value: file, fileName: 'net.bin' },
  ])
  return scene.app.inject({
    method: 'POST',
    url: '/v1/models',
    payload: body.payload,
    headers: { ...scene.auth, ...body.headers, ...headers },
  })
}
const topology = { topology: JSON.stringify(TOPOLOGY) }
const call = (method: 'GET' | 'DELETE', url: string, headers = scene.auth) =>
  scene.app.inject({ method, url, headers: { ...headers } })

/** An HDF5 file as `write` makes it. */
async function h5(write: (file: InstanceType<typeof h5wasm.File>) => void): Promise<Uint8Array> {
  const { FS } = await h5wasm.ready
  const file = new h5wasm.File('test.h5', 'w')
  write(file)
  file.close()
  const bytes = FS.readFile('test.h5')
  FS.unlink('test.h5')
  return bytes
}
const keras = async (write: Parameters<typeof h5>[0], config: unknown = KERAS) =>
  zipSync({ 'config.json': json(config), 'model.weights.h5': await h5(write) })
const dense = (file: InstanceType<typeof h5wasm.File>, kernel: number[], dtype = '<f4') => {
  for (const group of ['layers', 'layers/dense', 'layers/dense/vars']) file.create_group(group)
  const data = dtype === '<f4' ? new Float32Array(kernel) : new Float64Array(kernel)
  file.create_dataset({ name: 'layers/dense/vars/0', data, shape: [2, 3], dtype })
  file.create_dataset({ name: 'layers/dense/vars/1', data: new Float32Array(3), shape: [3], dtype: '<f4' })
}
const SIX = [1, 2, 3, 4, 5, 6]
/** A dataset whose one compressed chunk is damaged: the file is whole, and reading fails. */
async function damagedChunk(): Promise<Uint8Array> {
  const bytes = await h5((file) => {
    for (const group of ['layers', 'layers/dense', 'layers/dense/vars']) file.create_group(group)
    file.create_dataset({
      name: 'layers/dense/vars/0',
      ...{ data: new Float32Array(SIX), shape: [2, 3], dtype: '<f4', chunks: [2, 3], compression: 'gzip' },
    })
    file.create_dataset({ name: 'layers/dense/vars/1', data: new Float32Array(3), shape: [3], dtype: '<f4' })
  })
  const begin = Buffer.from(bytes).indexOf(Buffer.from([0x78, 0x5e]))
  if (begin < 0) throw new Error('the chunk is not where zlib begins')
  return bytes.fill(0xff, begin, begin + 8)
}
/** A safetensors file with this header and values that are zero. */
function withHeader(header: unknown, bytes: number, length?: number): Uint8Array {
  const text = json(header)
  const file = new Uint8Array(8 + text.length + bytes)
  new DataView(file.buffer).setBigUint64(0, BigInt(length ?? text.length), true)
  file.set(text, 8)
  return file
}
const ofType = (dtype: string, width: number) =>
  withHeader(
    {
      'output/kernel': { dtype, shape: [2, 3], data_offsets: [0, 6 * width] },
      'output/bias': { dtype, shape: [3], data_offsets: [6 * width, 9 * width] },
    },
    9 * width,
  )
const READ =
  /; what is read: \.keras \(Keras 3\), a zip of a TensorFlow\.js layers model, and safetensors with its layers in topology/
/** The archive with two bytes of an entry of its directory, or of its end, written over. */
function patched(zip: Uint8Array, signature: number, at: number, value: number): Uint8Array {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength)
  const begin = [...zip.keys()].find((place) => place + 4 <= zip.length && view.getUint32(place, true) === signature)
  if (begin === undefined) throw new Error('the archive has no such part')
  view.setUint16(begin + at, value, true)
  return zip
}
const [HEADER, DIRECTORY, END] = [0x04034b50, 0x02014b50, 0x06054b50]
/** In the directory and in the header of the file alike. */
const both = (zip: Uint8Array, inDirectory: number, inHeader: number, value: number) =>
  patched(patched(zip, DIRECTORY, inDirectory, value), HEADER, inHeader, value)
const tfjs = (weights: unknown[], paths: unknown[] = ['w.bin'], bytes = 36) =>
  zipSync({
    'model.json': json({ modelTopology: KERAS, weightsManifest: [{ paths, weights }] }),
    'w.bin': new Uint8Array(bytes),
  })
const ENTRIES = [
  { name: 'output/kernel', shape: [2, 3], dtype: 'float32' },
  { name: 'output/bias', shape: [3], dtype: 'float32' },
]

describe('POST /v1/models', () => {
  it.each([
    ['safetensors', async () => encodeSafetensors(TENSORS), topology],
    ['safetensors', async () => encodeSafetensors(TENSORS), { topology: JSON.stringify(KERAS) }],
    ['keras', () => keras((file) => dense(file, SIX)), {}],
    ['tfjs', async () => tfjs(ENTRIES), {}],
  ])('takes %s', async (format, file, fields) => {
    const response = await upload(await file(), fields)
    expect(response.statusCode).toBe(201)
    const model = response.json()
    expect(model).toMatchObject({
      format,
      name: 'net.bin',
      parameters: 9,
      model: { inputShape: [2], layers: [{ name: 'output', units: 3 }] },
    })
    expect((await call('GET', `/v1/models/${model.id}`)).json()).toEqual(model)
    expect((await call('GET', '/v1/models?limit=1')).json().data).toEqual([model])
    problemOf(await call('GET', `/v1/models/${model.id}`, scene.otherAuth), 404, 'MODEL_NOT_FOUND')
    const job = await postJob(scene, specFor(datasetId, { model: { kind: 'artifact', modelId: model.id } }))
    expect(job.json()).toMatchObject({ status: 'queued', spec: { normalization: 'standardize' } })
    const claim = await scene.attempts.claim(job.json().id, 'worker', 60_000)
    expect(claim?.startFrom).toMatchObject({
      model: model.model,
      weights: { key: `models/${model.id}.safetensors`, sha256: model.sha256 },
    })
    problemOf(await call('DELETE', `/v1/models/${model.id}`), 409, 'MODEL_IN_USE')
    if (claim) await scene.attempts.cancel(claim)
    expect((await call('DELETE', `/v1/models/${model.id}`)).statusCode).toBe(204)
    problemOf(await call('DELETE', `/v1/models/${model.id}`), 404, 'MODEL_NOT_FOUND')
    expect(await scene.store.size(`models/${model.id}.safetensors`)).toBeNull()
  })

  it('takes a topology that is sent as JSON', async () => {
    const part = (name: string, more: string) => `--x\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n`
    const payload = Buffer.concat([
      Buffer.from(`${part('topology', '\r\ncontent-type: application/json')}${JSON.stringify(TOPOLOGY)}\r\n`),
      Buffer.from(part('file', '; filename="net.safetensors"')),
      encodeSafetensors(TENSORS),
      Buffer.from('\r\n--x--\r\n'),
    ])
    const headers = { ...scene.auth, 'content-type': 'multipart/form-data; boundary=x' }
    const answer = await scene.app.inject({ method: 'POST', url: '/v1/models', headers, payload })
    expect(answer.statusCode).toBe(201)
    expect((await call('DELETE', `/v1/models/${answer.json().id}`)).statusCode).toBe(204)
  })

  it('with the same key and file gives the first answer and keeps one object', async () => {
    const send = () => upload(encodeSafetensors(TENSORS), topology, { 'idempotency-key': 'once' })
    const [first, second] = [await send(), await send()]
    expect(second.json()).toEqual(first.json())
    expect(second.headers['idempotency-replayed']).toBe('true')
    expect(await scene.database.prisma.model.count({ where: { deletedAt: null } })).toBe(1)
  })

  it('a job from it that is asked for again after it was deleted gets the first answer, and no other does', async () => {
    const { id } = (await upload(encodeSafetensors(TENSORS), topology)).json()
    const spec = specFor(datasetId, { model: { kind: 'artifact', modelId: id } })
    const post = (key: string) => postJob(scene, spec, { 'idempotency-key': key })
    const first = await post('job-once')
    const cancel = `/v1/training-jobs/${first.json().id}/cancel`
    await scene.app.inject({ method: 'POST', url: cancel, headers: scene.auth })
    expect((await call('DELETE', `/v1/models/${id}`)).statusCode).toBe(204)
    expect((await post('job-once')).json()).toEqual(first.json())
    const jobs = await scene.database.prisma.trainingJob.count()
    const problem = problemOf(await post('job-again'), 422, 'SPEC_INVALID')
    expect(problem.errors).toEqual([{ pointer: '/model/modelId', detail: expect.stringMatching(/there is no model/) }])
    expect(await scene.database.prisma.trainingJob.count()).toBe(jobs)
  })

  const bomb = () => {
    const zip = zipSync({ 'model.json': new Uint8Array(2 ** 20), 'w.bin': new Uint8Array(1) })
    return zip
  }
  const nested = `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`
  it.each<[string, () => Uint8Array | Promise<Uint8Array>, Record<string, string>, RegExp]>([
    ['no archive and no topology', () => encodeSafetensors(TENSORS), {}, /needs the layers: give them in topology/],
    ['garbage', () => strToU8('garbage'.repeat(20)), topology, READ],
    ['garbage without topology', () => strToU8('garbage'.repeat(20)), {}, READ],
    ['an ONNX model', () => Uint8Array.of(8, 8, 18, 7, 112, 121, 116, 111, 114, 99, 104), {}, /ONNX .* not$/],
    ['an empty file', () => new Uint8Array(), {}, /^the file is empty$/],
    ['an empty file with topology', () => new Uint8Array(), topology, /^the file is empty$/],
    [
      'a model of Keras 2 in HDF5',
      () => h5((file) => file.create_group('model_weights')),
      {},
      /^the file is HDF5: save the model as \.keras \(Keras 3\)$/,
    ],
    ['weights in HDF5', () => h5((file) => dense(file, SIX)), topology, /save the model as \.keras \(Keras 3\)$/],
    ['a header longer than the file', () => withHeader({}, 0, 99), topology, /a header of 99 bytes does not fit/],
    [
      'a SavedModel',
      () => zipSync({ 'saved_model.pb': new Uint8Array(9), 'assets.extra/model-card.json': json({}) }),
      {},
      /^the archive is a TensorFlow SavedModel, which is not read; what is read/,
    ],
    [
      'a SavedModel in a folder',
      () => zipSync({ 'net/saved_model.pb': new Uint8Array(9) }),
      {},
      /^the archive is a TensorFlow SavedModel, which is not read; what is read/,
    ],
    [
      'an archive without JSON',
      () => zipSync({ 'net/data.pkl': new Uint8Array(9) }),
      {},
      /^the archive has no JSON file, so it is no model; what is read/,
    ],
    [
      'an archive with other JSON',
      () => zipSync({ 'a.json': json({}) }),
      {},
      /^a\.json has no modelTopology.*what is read/,
    ],
    [
      'a graph model of TensorFlow.js',
      () => zipSync({ 'model.json': json({ format: 'graph-model', modelTopology: { node: [] } }) }),
      {},
      /^model\.json is a graph model of TensorFlow\.js, which is not read; what is read/,
    ],
    ['float16', () => ofType('F16', 2), topology, /output\/kernel: element type F16 .*; save it as float32$/],
    ['bfloat16', () => ofType('BF16', 2), topology, /output\/kernel: element type BF16 .*; save it as float32$/],
    ['int8', () => ofType('I8', 1), topology, /output\/kernel: element type I8 .*; save it as float32$/],
    [
      'weights.sparse',
      () => encodeSparse({ ...TENSORS, 'output/kernel': floats([100, 100], 0) }),
      {},
      /^the file is weights\.sparse of a job: upload weights\.safetensors of the same job instead$/,
    ],
    [
      'weights.sparse in which all are dense',
      () => encodeSparse(TENSORS),
      topology,
      /^the file is weights\.sparse of a job: upload weights\.safetensors of the same job instead$/,
    ],
    [
      'the float16 weights of a job',
      () => quantized(TENSORS, 'float16').bytes,
      topology,
      /^the file is weights-float16\.safetensors of a job: upload weights\.safetensors/,
    ],
    [
      'the int8 weights of a job',
      () => quantized(TENSORS, 'int8').bytes,
      topology,
      /^the file is weights-int8\.safetensors of a job: upload weights\.safetensors/,
    ],
    ['a damaged archive', () => tfjs(ENTRIES).slice(0, 100), {}, /not a zip archive that can be read/],
    [
      'a name that leads elsewhere',
      () => zipSync({ '../model.json': json(1) }),
      {},
      /zip archive that can be read: Unsafe filename/,
    ],
    [
      'a weight file elsewhere',
      () => tfjs(ENTRIES, ['../../etc/passwd']),
      {},
      /names the file "\.\.\/\.\.\/etc\/passwd", which is not in the archive/,
    ],
    ['an archive that unpacks to too much', bomb, {}, /unpacks to more than 200000 bytes/],
    [
      'a file longer than its archive says',
      () => both(tfjs(ENTRIES), 24, 22, 5),
      {},
      /"model\.json": Invalid uncompressed size/,
    ],
    [
      'a file shorter than its archive says',
      () => both(tfjs(ENTRIES), 24, 22, 5000),
      {},
      /"model\.json": (is shorter than the archive says|Invalid CRC32)/,
    ],
    ['another checksum', () => both(tfjs(ENTRIES), 16, 14, 1), {}, /"model\.json": Invalid CRC32/],
    ['an encrypted file', () => both(tfjs(ENTRIES), 8, 6, 1), {}, /"model\.json": File contains encrypted entry/],
    ['a size that is told twice', () => patched(tfjs(ENTRIES), DIRECTORY, 24, 5), {}, /Ambiguous archive/],
    ['files that overlap', () => patched(tfjs(ENTRIES), DIRECTORY, 20, 60_000), {}, /Ambiguous archive/],
    ['a file that is not there', () => patched(tfjs(ENTRIES), DIRECTORY, 42, 7), {}, /Ambiguous archive/],
    [
      'a directory that ends early',
      () => patched(tfjs(ENTRIES), END, 10, 900),
      {},
      /Central directory header not found/,
    ],
    [
      'more files than a model has',
      () => zipSync(Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`f${at}`, new Uint8Array()]))),
      {},
      /too many files; at most 1000/,
    ],
    ['a weight file named twice', () => tfjs(ENTRIES, ['w.bin', 'w.bin']), {}, /names the file "w\.bin" twice/],
    [
      'a type that is an object',
      () => tfjs([{ ...ENTRIES[0], dtype: { toString: 1, valueOf: 1 } }]),
      {},
      /output\/kernel is of no named type/,
    ],
    [
      'a class that is an object',
      () =>
        keras(() => undefined, {
          ...KERAS,
          config: { layers: [KERAS.config.layers[0], { class_name: { toString: 1 } }] },
        }),
      {},
      /layers\/1\/class_name: is required/,
    ],
    [
      'a group of no layer in Keras',
      () =>
        keras((file) => {
          dense(file, SIX)
          file.create_group('layers/dense_1')
        }),
      {},
      /layers\/dense_1 in model\.weights\.h5 belongs to no layer/,
    ],
    [
      'a variable too many in Keras',
      () =>
        keras((file) => {
          dense(file, SIX)
          file.create_dataset({ name: 'layers/dense/vars/7', data: new Float32Array(1), shape: [1], dtype: '<f4' })
        }),
      {},
      /layers\/dense\/vars\/7 .* is no variable of the layer output, which has 2/,
    ],
    [
      'weights in Keras that cannot be read',
      async () => zipSync({ 'config.json': json(KERAS), 'model.weights.h5': await damagedChunk() }),
      {},
      /output\/kernel cannot be read/,
    ],
    [
      'a tensor with a very long name',
      () => encodeSafetensors({ ...TENSORS, ['x'.repeat(5000)]: floats([1]) }),
      topology,
      /^no layer has the tensor x{900,980}…$/,
    ],
    [
      'a missing tensor',
      () => encodeSafetensors({ 'output/bias': floats([3]) }),
      topology,
      /output\/kernel is missing/,
    ],
    [
      'a tensor too many',
      () => encodeSafetensors({ ...TENSORS, 'x/y': floats([1]) }),
      topology,
      /no layer has the tensor x\/y/,
    ],
    [
      'another shape',
      () => encodeSafetensors({ ...TENSORS, 'output/kernel': floats([3, 2]) }),
      topology,
      /output\/kernel is \[3, 2\], and the layers say \[2, 3\]/,
    ],
    [
      'NaN',
      () => encodeSafetensors({ ...TENSORS, 'output/bias': floats([3], Number.NaN) }),
      topology,
      /output\/bias, element 0 in row-major order, is NaN/,
    ],
    [
      'another type',
      () => encodeSafetensors({ ...TENSORS, 'output/bias': { type: 'int32', shape: [3], values: new Int32Array(3) } }),
      topology,
      /output\/bias is int32/,
    ],
    [
      'a truncated tensor',
      () => encodeSafetensors(TENSORS).slice(0, -4),
      topology,
      /beyond the end of the file|do not fit/,
    ],
    [
      'a huge shape',
      () => tfjs([{ name: 'output/kernel', shape: [2 ** 40, 2 ** 40], dtype: 'float32' }]),
      {},
      /lies beyond the end/,
    ],
    ['too few bytes', () => tfjs(ENTRIES, ['w.bin'], 30), {}, /output\/bias lies beyond the end/],
    ['too many bytes', () => tfjs(ENTRIES, ['w.bin'], 40), {}, /4 bytes that belong to no tensor/],
    ['a tensor twice', () => tfjs([ENTRIES[0], ENTRIES[0]], ['w.bin'], 48), {}, /has output\/kernel twice/],
    [
      'infinite weights in Keras',
      () => keras((file) => dense(file, [1, 2, 3, 4, 5, Number.POSITIVE_INFINITY])),
      {},
      /output\/kernel, element 5 in row-major order, is Infinity/,
    ],
    [
      'float64 in Keras',
      () => keras((file) => dense(file, SIX, '<d')),
      {},
      /output\/kernel is "<d"; weights are float32/,
    ],
    [
      'no weights in Keras',
      () => keras((file) => file.create_group('layers')),
      {},
      /output\/kernel is missing: model.weights.h5 has no layers\/dense\/vars\/0/,
    ],
    [
      'garbage for HDF5',
      () => zipSync({ 'config.json': json(KERAS), 'model.weights.h5': strToU8('garbage') }),
      {},
      /not an HDF5 file that can be read/,
    ],
    [
      'an external link',
      () =>
        keras((file) => {
          for (const group of ['layers', 'layers/dense', 'layers/dense/vars']) file.create_group(group)
          file.create_external_link('/etc/passwd', 'x', 'layers/dense/vars/0')
        }),
      {},
      /is a ExternalLink and not a dataset/,
    ],
    [
      'a Lambda layer',
      () =>
        keras(() => undefined, {
          ...KERAS,
          config: { layers: [KERAS.config.layers[0], { class_name: 'Lambda', config: {} }] },
        }),
      {},
      /a Lambda layer holds code/,
    ],
    [
      'an unknown layer',
      () =>
        keras(() => undefined, {
          ...KERAS,
          config: { layers: [KERAS.config.layers[0], { class_name: 'Capsule', config: {} }] },
        }),
      {},
      /"Capsule" is not supported/,
    ],
    [
      'nested JSON',
      () => zipSync({ 'config.json': strToU8(nested), 'model.weights.h5': new Uint8Array(1) }),
      {},
      /nested more than 32 levels/,
    ],
    [
      '__proto__',
      () =>
        zipSync({
          'config.json': strToU8('{"class_name":"Sequential","__proto__":{}}'),
          'model.weights.h5': new Uint8Array(1),
        }),
      {},
      /'__proto__' is no key of Keras/,
    ],
    [
      'layers far too large',
      () => encodeSafetensors(TENSORS),
      {
        topology: JSON.stringify({
          ...TOPOLOGY,
          layers: [
            { type: 'dense', units: 65536 },
            { type: 'dense', units: 65536 },
          ],
        }),
      },
      /at most 100000000 are allowed/,
    ],
  ])('refuses %s, and leaves nothing', async (_, file, fields, says) => {
    const rows = await scene.database.prisma.model.count()
    const problem = problemOf(await upload(await file(), fields), 422, 'MODEL_FILE_INVALID')
    expect(problem.errors).toEqual([{ pointer: '/file', detail: expect.stringMatching(says) }])
    expect(await scene.database.prisma.model.count()).toBe(rows)
  })

  it.each([
    ['topology that is no JSON', { topology: '{' }, 422, '/topology'],
    [
      'an unknown layer type',
      { topology: JSON.stringify({ ...TOPOLOGY, layers: [{ type: 'lambda' }] }) },
      422,
      '/topology/layers/0/type',
    ],
    ['a topology beyond its limit', { topology: `${' '.repeat(2 ** 20)}1` }, 413, '/topology'],
    ['an unknown field', { colour: 'red' }, 400, '/colour'],
  ])('refuses %s', async (_, fields, status, pointer) => {
    const answer = await upload(encodeSafetensors(TENSORS), fields)
    const codes = { 400: 'REQUEST_INVALID', 413: 'BODY_TOO_LARGE', 422: 'MODEL_FILE_INVALID' }
    const problem = problemOf(answer, status, codes[status as keyof typeof codes]) // one of those in the table
    expect(problem.errors?.map((error) => error.pointer)).toEqual([pointer])
  })

  it.each([
    [
      'a preset',
      { kind: 'preset', name: 'mlp' },
      '/topology/kind',
      /^must be "layers", is "preset": give the layers themselves, or what .* Keras gives; .* `model` in the report\.json of a job/,
    ],
    ['a model of kind keras', { kind: 'keras', topology: KERAS }, '/topology/kind', /^must be "layers", is "keras": /],
    ['a whole report.json', { spec: {}, model: TOPOLOGY }, '/topology', /^has the layers in `model`: send only/],
  ])('refuses %s as topology in one sentence', async (_, value, pointer, says) => {
    const answer = await upload(encodeSafetensors(TENSORS), { topology: JSON.stringify(value) })
    const { errors } = problemOf(answer, 422, 'MODEL_FILE_INVALID')
    expect(errors).toEqual([{ pointer, detail: expect.stringMatching(says) }])
  })

  const file = { name: 'file', value: encodeSafetensors(TENSORS), fileName: 'net.safetensors' }
  const asFile = (name: string) => ({ name, value: JSON.stringify(TOPOLOGY), fileName: 'topology.json' })
  it.each([
    ['topology as a file', [asFile('topology'), file], '/topology', /send it with < and not @, .* -F 'topology=<topol/],
    ['topology as a file after it', [file, asFile('topology')], '/topology', /send it with < and not @/],
    ['two files', [file, file], '/file', /^is given twice$/],
    ['a name as a file', [file, asFile('name')], '/name', /^is text/],
  ])('refuses %s', async (_, parts, pointer, says) => {
    const { payload, headers } = form(parts)
    const all = { ...scene.auth, ...headers }
    const answer = await scene.app.inject({ method: 'POST', url: '/v1/models', headers: all, payload })
    const { errors } = problemOf(answer, 400, 'REQUEST_INVALID')
    expect(errors).toEqual([{ pointer, detail: expect.stringMatching(says) }])
  })

  it('refuses a file beyond the limit, and a body that is no form', async () => {
    problemOf(await upload(new Uint8Array(200_001), topology), 413, 'BODY_TOO_LARGE')
    // Told by its length before it is sent.
    const headers = {
      ...scene.auth,
      'content-type': 'multipart/form-data; boundary=x',
      'content-length': '99999999999',
    }
    const early = await scene.app.inject({ method: 'POST', url: '/v1/models', headers })
    problemOf(early, 413, 'BODY_TOO_LARGE')
    expect(early.headers.connection).toBe('close')
    const answer = await scene.app.inject({ method: 'POST', url: '/v1/models', headers: scene.auth, payload: {} })
    expect(answer.statusCode).toBe(415)
  })
})
