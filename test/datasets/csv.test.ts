import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readTable } from '../../src/datasets/csv.js'
import type { DatasetDraft } from '../../src/datasets/draft.js'
import { type TableOptions, tableToDataset } from '../../src/datasets/table-dataset.js'
import { EspalierError } from '../../src/errors.js'

const bytesOf = (csv: string | Uint8Array) => (typeof csv === 'string' ? Buffer.from(csv) : csv)
const table = (csv: string | Uint8Array, chunkBytes = 7) => {
  const bytes = bytesOf(csv)
  const chunks = Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, i) =>
    Buffer.from(bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes)),
  )
  return readTable(Readable.from(chunks))
}
const read = async (csv: string | Uint8Array, options: Partial<TableOptions> = {}): Promise<DatasetDraft> =>
  tableToDataset(await table(csv), { name: 'data', fileName: 'data.csv', ...options })

async function errorsOf(csv: string | Uint8Array, options: Partial<TableOptions> = {}): Promise<string[]> {
  try {
    await read(csv, options)
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error
    expect(error.code).toBe('DATASET_INVALID')
    expect(error.errors.length, error.message).toBeGreaterThan(0)
    for (const { pointer } of error.errors) expect(pointer).toMatch(/^\/(file$|target$|rows\/\d+)/)
    return error.errors.map(({ detail }) => detail)
  }
  throw new Error('the file was taken')
}

describe('a table that is right', () => {
  it('gives back the numbers that were written, in float32, however the bytes arrive', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.integer()), {
          minLength: 1,
          maxLength: 50,
        }),
        fc.integer({ min: 1, max: 64 }),
        async (rows, chunkBytes) => {
          const csv = `a,b,y\n${rows.map(([a, b], row) => `${a},${b},${row}.5`).join('\n')}`
          const { tensors } = tableToDataset(await table(csv, chunkBytes), { name: 'n', fileName: 'f' })
          expect(tensors['train.features']).toEqual({
            type: 'float32',
            shape: [rows.length, 2],
            // The CSV has no negative zero.
            values: Float32Array.from(rows.flat(), (value) => value + 0),
          })
          expect(tensors['train.labels']?.values).toEqual(Float32Array.from(rows, (_, row) => row + 0.5))
        },
      ),
      { numRuns: 50 },
    ))

  it('takes text labels of the last column as classes, by code units', async () => {
    const { schema, tensors, source } = await read(
      'length,width,kind\n1,2,setosa\n3,4,virginica\n5,6,Iris\n7,8,setosa\n',
    )
    expect(source).toBe('upload:data.csv')
    expect(schema).toEqual({
      exampleShape: [2],
      featureType: 'float32',
      columns: ['length', 'width'],
      target: { kind: 'classes', names: ['Iris', 'setosa', 'virginica'] },
      targetColumns: ['kind'],
      trainRows: 4,
      testRows: 0,
      classCounts: [1, 2, 1],
    })
    expect(tensors['train.labels']).toEqual({ type: 'int32', shape: [4], values: Int32Array.from([1, 2, 0, 1]) })
  })

  it('orders whole-number labels as numbers, and takes 01 and +1 for 1', async () => {
    const { schema, tensors } = await read('x,y\n1,10\n2,9\n3,01\n4,+1\n5,-2\n')
    expect(schema.target).toEqual({ kind: 'classes', names: ['-2', '1', '9', '10'] })
    expect(tensors['train.labels']?.values).toEqual(Int32Array.from([3, 2, 1, 1, 0]))
  })

  it('takes decimals as numbers [rows, 1]', async () => {
    const { schema, tensors } = await read('x,y\n1,1.0\n2,2.0\n3,1e1\n')
    expect(schema.target).toEqual({ kind: 'number', size: 1 })
    expect(tensors['train.labels']).toEqual({ type: 'float32', shape: [3, 1], values: Float32Array.from([1, 2, 10]) })
  })

  /** `count` different whole numbers, each in `rows` rows. */
  const whole = (count: number, rows: number) =>
    `x,y\n${Array.from({ length: count * rows }, (_, row) => `0,${row % count}`).join('\n')}`
  it.each([
    [10, 1, 'classes'],
    [11, 3, 'classes'],
    [50, 3, 'classes'],
    [1001, 1, 'number'],
  ])('takes %d different whole numbers, each in %d rows, as %s', async (count, rows, kind) => {
    expect((await read(whole(count, rows))).schema.target.kind).toBe(kind)
  })

  it.each([
    [11, 2],
    [51, 3],
    [1000, 1],
  ])('asks whether %d different whole numbers, each in %d rows, are classes or a quantity', async (count, rows) => {
    const csv = whole(count, rows)
    await expect(read(csv)).rejects.toMatchObject({
      code: 'DATASET_INVALID',
      errors: [{ pointer: '/task', detail: expect.stringContaining(`"y" has ${count} different whole numbers`) }],
    })
    expect((await read(csv, { task: 'number' })).schema.target).toEqual({ kind: 'number', size: 1 })
    expect((await read(csv, { task: 'classes' })).schema.classCounts).toEqual(Array(count).fill(rows))
  })

  it('takes at most 1,000 classes', async () => {
    expect(await errorsOf(whole(1001, 1), { task: 'classes' })).toEqual([expect.stringContaining('1000')])
  })

  it('is read without a warning of Node, however many chunks it has', async () => {
    const warnings: Error[] = []
    const listen = (warning: Error) => warnings.push(warning)
    process.on('warning', listen)
    const rows = Array.from({ length: 20_000 }, (_, row) => `${row}.25,${row}.5`)
    const { rows: count } = await table(`x,y\n${rows.join('\n')}`, 16_384)
    // Warnings come in a turn of their own.
    await new Promise(setImmediate)
    process.off('warning', listen)
    expect([count, warnings]).toEqual([20_000, []])
  })

  it('lets target and task be chosen', async () => {
    const csv = 'y,a,b\n1,2,3\n2,4,5\n'
    const { schema, tensors } = await read(csv, { target: 'y', task: 'number' })
    expect(schema.columns).toEqual(['a', 'b'])
    expect(tensors['train.labels']?.values).toEqual(Float32Array.from([1, 2]))
    expect((await read('x,y\n1,0.5\n2,1.5\n', { task: 'classes' })).schema.target).toEqual({
      kind: 'classes',
      names: ['0.5', '1.5'],
    })
  })

  it('reads quotes, CRLF, a byte order mark, spaces around cells and blank lines', async () => {
    const { schema, tensors } = await read('\ufeff"a, b" ,y\r\n 1.5 ,"say ""hi"""\r\n\r\n-2,no\r\n')
    expect(schema.columns).toEqual(['a, b'])
    expect(schema.target).toEqual({ kind: 'classes', names: ['no', 'say "hi"'] })
    expect(tensors['train.features']?.values).toEqual(Float32Array.from([1.5, -2]))
  })
})

describe('a table that is wrong', () => {
  it.each([
    ['nothing', '', ['is empty']],
    ['zero rows', 'a,b\n', ['zero rows']],
    ['text in a numeric column', 'a,b,y\n1,2,0\n3,red,1\n', ['row 2 (line 3), column "b": "red" is not a number']],
    ['a cell too few', 'a,b\n1,2\n3\n', ['row 2 (line 3) has 1 cells']],
    ['a cell too many', 'a,b\n1,2,3\n4,5\n', ['row 1 (line 2) has 3 cells']],
    ['an empty cell', 'a,b\n1,2\n,3\n', ['row 2 (line 3), column "a": is empty']],
    ['an empty target', 'a,b\n1,\n2,3\n', ['row 1 (line 2), column "b": is empty']],
    ['NaN', 'a,b\nNaN,1\n2,2\n', ['column "a": "NaN" is not a finite number']],
    ['Infinity', 'a,b\n1,1\n-Infinity,2\n', ['row 2 (line 3), column "a": "-Infinity" is not a finite number']],
    ['NaN in the target', 'a,b\n1,nan\n2,2.5\n', ['column "b": "nan" is not a finite number']],
    ['a number beyond float32', 'a,b\n1e39,1\n2,2\n', ['column "a": "1e39" is too large']],
    ['a name twice', 'a,b,a\n1,2,3\n', ['"a"']],
    ['a column without a name', 'a,,y\n1,2,3\n', ['no name']],
    ['one column', 'a\n1\n', ['one column']],
    ['a text that is no table', 'Call me Ishmael.\nSome years ago\n', ['is sent as a file named .txt']],
    ['semicolons', 'a;b\n1;2\n', ['separated by commas']],
    ['an open quotation mark', 'a,b\n1,"2\n3,4\n', ['quotation mark']],
    ['numbers where the names should be', '1,2\n3,4\n', ['must name the columns']],
    ['one class', 'a,y\n1,0\n2,0\n', ['same label']],
    ['a column named __proto__', 'a,__proto__,y\n1,2,3\n', ['column 2: no column may be named "__proto__"']],
    ['NUL in a label', 'a,y\n1,x\0\n2,z\n', ['control character']],
    ['NUL in the header', 'a\0,y\n1,2\n', ['control character']],
  ])('%s', async (_, csv, expected) => {
    expect(await errorsOf(csv)).toEqual(expected.map((part) => expect.stringContaining(part)))
  })

  it('a target that is no column', async () => {
    expect(await errorsOf('a,b\n1,2\n', { target: 'c' })).toEqual([expect.stringContaining('"c" is no column')])
  })

  it('text where task is number', async () => {
    expect(await errorsOf('a,y\n1,2\n3,low\n', { task: 'number' })).toEqual([
      expect.stringContaining('row 2 (line 3), column "y": "low" is not a number'),
    ])
  })

  it('is not UTF-8', async () => {
    expect(await errorsOf(Buffer.from('größe,y\n1,2\n', 'latin1'))).toEqual([expect.stringContaining('UTF-8')])
    expect(await errorsOf(Buffer.from('\ufeffa,y\n1,2\n', 'utf16le'))).toEqual([expect.stringContaining('UTF-8')])
    // A character that is cut off at the end of the file.
    expect(await errorsOf(Buffer.concat([Buffer.from('a,y\n1,x\n2,'), Buffer.from([0xc3])]))).toEqual([
      expect.stringContaining('UTF-8'),
    ])
  })

  it('tells of errors of different kinds at once', async () => {
    expect(await errorsOf('a,b,y\n1,2\n1,,0\nred,2,1\n')).toEqual([
      'row 1 (line 2) has 2 cells; the header has 3',
      'row 2 (line 3), column "b": is empty',
      'row 3 (line 4), column "a": "red" is not a number; only the target may be text',
    ])
  })

  it('names the first 20 errors', async () => {
    const rows = Array.from({ length: 100 }, (_, row) => `red,${row % 2}`)
    const errors = await errorsOf(`a,y\n${rows.join('\n')}`)
    expect(errors).toHaveLength(20)
    expect(errors[19]).toContain('row 20 (line 21)')
    expect(await errorsOf(`a,y\n${rows.map(() => ',').join('\n')}`)).toHaveLength(20)
  })

  it.each([
    [{ rows: 2, columns: 9, cells: 99 }, 'more than 2 rows'],
    [{ rows: 9, columns: 2, cells: 99 }, '3 columns; at most 2'],
    [{ rows: 9, columns: 9, cells: 6 }, 'more than 2 rows of 3 columns'],
  ])('has more than the limits %j', async (limits, message) => {
    await expect(readTable(Readable.from([Buffer.from('a,b,c\n1,2,3\n1,2,3\n1,2,3\n')]), limits)).rejects.toThrow(
      message,
    )
  })

  it('ends an endless row before the memory does', async () => {
    async function* endless() {
      yield Buffer.from('a,b\n"')
      for (let chunk = 0; chunk < 64; chunk++) yield Buffer.alloc(1024 * 1024, 'x')
      throw new Error('read to the end')
    }
    await expect(readTable(Readable.from(endless()))).rejects.toMatchObject({ code: 'DATASET_INVALID' })
  })
})
