import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readTable } from '../../src/datasets/csv.js'
import { type TableOptions, tableToDataset } from '../../src/datasets/table-dataset.js'

const read = async (csv: string, options: Partial<TableOptions> = {}) =>
  tableToDataset(await readTable(Readable.from([Buffer.from(csv)])), { name: 'data', fileName: 'data.csv', ...options })
const errorsOf = (csv: string, options: Partial<TableOptions>) =>
  read(csv, options).then(
    () => expect.unreachable('the file was taken'),
    (error) => [error.code, ...error.errors.map((it: { pointer: string; detail: string }) => it)],
  )
const at = (pointer: string, part: string) => ['DATASET_INVALID', { pointer, detail: expect.stringContaining(part) }]

describe('several targets', () => {
  it('keep each value in its row and column, whatever the order in which they are named', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer({ min: -99, max: 99 }), { minLength: 4, maxLength: 4 }), { minLength: 1 }),
        fc.shuffledSubarray([0, 1, 2, 3], { minLength: 2, maxLength: 3 }),
        async (rows, chosen) => {
          const csv = `c0,c1,c2,c3\n${rows.map((row) => row.join(',')).join('\n')}\n`
          const target = chosen.map((column) => `c${column}`).join(',')
          const { tensors, schema } = await read(csv, { target, task: 'number' })
          expect(schema.target).toEqual({ kind: 'number', size: chosen.length })
          expect(tensors['train.labels']).toEqual({
            type: 'float32',
            shape: [rows.length, chosen.length],
            values: Float32Array.from(rows.flatMap((row) => chosen.map((column) => row[column] ?? Number.NaN))),
          })
          const rest = [0, 1, 2, 3].filter((column) => !chosen.includes(column))
          expect(schema.columns).toEqual(rest.map((column) => `c${column}`))
        },
      ),
      { numRuns: 30 },
    ))

  const csv = 'x,red,round\n0.5,1,0\n1.5,1,1\n2.5,0,0\n'
  it('of 0 and 1 are labels', async () => {
    const { schema, tensors } = await read(csv, { target: 'red, round' })
    expect(schema.target).toEqual({ kind: 'labels', names: ['red', 'round'] })
    expect(schema.targetColumns).toEqual(['red', 'round'])
    expect(tensors['train.labels']).toEqual({
      type: 'float32',
      shape: [3, 2],
      values: Float32Array.from([1, 0, 1, 1, 0, 0]),
    })
    expect(schema).not.toHaveProperty('classCounts')
    expect(schema).not.toHaveProperty('labelRange')
  })

  it('of other numbers are numbers, whose range is known', async () => {
    const { schema } = await read('x,a,b\n1,-0.5,2\n1,1,0\n', { target: 'a,b' })
    expect(schema.target).toEqual({ kind: 'number', size: 2 })
    expect(schema.labelRange).toEqual({ minimum: -0.5, maximum: 2 })
  })

  it('may have commas and quotation marks in their names', async () => {
    const quoted = '"a, b",c,x\n1,0,5\n0,1,6\n'
    expect((await read(quoted, { target: 'a, b' })).schema.target).toEqual({ kind: 'classes', names: ['0', '1'] })
    expect((await read(quoted, { target: '"a, b",c' })).schema.target).toEqual({ kind: 'labels', names: ['a, b', 'c'] })
  })

  it('one column of labels is labels if the task says so', async () => {
    const { schema, tensors } = await read(csv, { target: 'round', task: 'labels' })
    expect(schema.target).toEqual({ kind: 'labels', names: ['round'] })
    expect(tensors['train.labels']?.shape).toEqual([3, 1])
  })

  it.each<[string, string, Partial<TableOptions>, string, string]>([
    ['one that is no column', csv, { target: 'red,blue' }, '/target', '"blue" is no column'],
    ['one twice', csv, { target: 'red,red' }, '/target', '"red" is given twice'],
    ['an open quotation mark', csv, { target: '"red' }, '/target', 'is no column'],
    ['classes', csv, { target: 'red,round', task: 'classes' }, '/task', 'takes one target column, and there are 2'],
    ['no feature left', csv, { target: 'x,red,round' }, '/file', 'no column is left'],
    [
      'a label that is 2',
      'x,a,b\n1,0,1\n\n1,0,2\n',
      { target: 'a,b', task: 'labels' },
      '/rows/2/b',
      'row 2 (line 4), column "b": the label 2 is neither 0 nor 1',
    ],
    [
      'a label that is text',
      'x,a,b\n1,yes,1\n',
      { target: 'a,b', task: 'labels' },
      '/rows/1/a',
      '"yes" is not a number, as task "labels"',
    ],
    ['a number that is text', 'x,a,b\n1,3,1\n2,4,low\n', { target: 'a,b' }, '/rows/2/b', '"low" is not a number'],
  ])('refuse %s', async (_, text, options, pointer, part) => {
    expect(await errorsOf(text, options)).toEqual(at(pointer, part))
  })
})

describe('weights', () => {
  it('are a tensor and no feature', async () => {
    const { schema, tensors } = await read('x,w,y\n1,0,a\n2,0.5,b\n3,2,a\n', { weightColumn: 'w' })
    expect(schema).toMatchObject({ hasWeights: true, columns: ['x'], classCounts: [2, 1] })
    expect(tensors['train.weights']).toEqual({ type: 'float32', shape: [3], values: Float32Array.from([0, 0.5, 2]) })
  })

  it('are absent where no column is named', async () => {
    const { schema, tensors } = await read('x,y\n1,a\n2,b\n')
    expect(schema).not.toHaveProperty('hasWeights')
    expect(tensors).not.toHaveProperty('train.weights')
  })

  it.each([
    ['below 0', 'x,w,y\n1,1,a\n2,-0.5,b\n', 'w', '/rows/2/w', 'row 2 (line 3), column "w": the weight -0.5 is below 0'],
    ['of text', 'x,w,y\n1,heavy,a\n2,1,b\n', 'w', '/rows/1/w', '"heavy" is not a number'],
    ['that are not finite', 'x,w,y\n1,inf,a\n2,1,b\n', 'w', '/rows/1/w', 'not a finite number'],
    ['that are all 0', 'x,w,y\n1,0,a\n2,0,b\n', 'w', '/weightColumn', 'every weight in column "w" is 0'],
    ['that are the target', 'x,w,y\n1,0,a\n2,0,b\n', 'y', '/weightColumn', '"y" is a target already'],
    ['in no column', 'x,w,y\n1,0,a\n2,0,b\n', 'v', '/weightColumn', '"v" is no column'],
  ])('refuse those %s', async (_, csv, weightColumn, pointer, part) => {
    expect(await errorsOf(csv, { weightColumn })).toEqual(at(pointer, part))
  })
})

describe('the shape of an example', () => {
  const csv = 'a,b,c,d,e,f,y\n1,2,3,4,5,6,p\n7,8,9,10,11,12,q\n'
  it.each([[[6]], [[2, 3]], [[3, 2]], [[1, 2, 3]]])('%j leaves the values in row-major order', async (exampleShape) => {
    const { schema, tensors } = await read(csv, { exampleShape })
    expect(schema.exampleShape).toEqual(exampleShape)
    expect(tensors['train.features']).toEqual({
      type: 'float32',
      shape: [2, ...exampleShape],
      values: Float32Array.from({ length: 12 }, (_, index) => index + 1),
    })
  })

  it('takes as many columns as there are features', async () => {
    expect(await errorsOf(csv, { exampleShape: [2, 2] })).toEqual(
      at('/exampleShape', '[2, 2] takes 4 feature columns; the file has 6: "a", "b"'),
    )
  })
})
