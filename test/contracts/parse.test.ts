import fc from 'fast-check'
import { type TSchema, Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { parse } from '../../src/contracts/parse.js'
import { TrainingJobSpec } from '../../src/contracts/training-job-spec.js'

const MINIMAL = {
  datasetId: 'ds_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69',
  model: { kind: 'preset', name: 'lenet-300-100' },
}
const errorsOf = (schema: TSchema, input: unknown) => {
  const parsed = parse(schema, input)
  return parsed.ok ? [] : parsed.errors
}
const pointersOf = (changes: Record<string, unknown>) =>
  errorsOf(TrainingJobSpec, { ...MINIMAL, ...changes }).map(({ pointer }) => pointer)

describe('defaults', () => {
  it('are filled in at every depth, in unions too', () => {
    const parsed = parse(TrainingJobSpec, {
      ...MINIMAL,
      clipping: { mode: 'global-norm', maxNorm: 1 },
      optimizer: { kind: 'sgd', momentum: 0.9, schedule: { kind: 'cosine' } },
      pruning: { schedule: { kind: 'polynomial', finalSparsity: 0.9, beginStep: 0, endStep: 10 } },
    })
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        lossOptions: {},
        batchSize: 128,
        validation: { fraction: 0 },
        checkpoints: { everySteps: 500, keep: 3 },
        limits: { maxSeconds: 86_400, maxAttempts: 3 },
        clipping: { mode: 'global-norm', maxNorm: 1, p: 2, onNonFinite: 'fail' },
        optimizer: { learningRate: 0.01, nesterov: false, l2: 0, schedule: { beginStep: 0, finalFraction: 0 } },
        pruning: {
          criterion: 'magnitude',
          granularity: { kind: 'element' },
          scope: 'layer',
          include: ['*'],
          schedule: { initialSparsity: 0, frequency: 100, power: 3 },
        },
      },
    })
  })

  it('make clipping none and the optimizer Adam when both are left out', () => {
    const parsed = parse(TrainingJobSpec, MINIMAL)
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        clipping: { mode: 'none', onNonFinite: 'fail' },
        optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7, schedule: { kind: 'constant' } },
      },
    })
    expect(parsed.ok && 'pruning' in parsed.value).toBe(false)
  })

  it('are a fixed point: what was filled in is taken as it is', () => {
    const first = parse(TrainingJobSpec, MINIMAL)
    expect(first.ok && parse(TrainingJobSpec, first.value)).toEqual(first)
  })

  it('leave the input alone', () => {
    const input = structuredClone(MINIMAL)
    parse(TrainingJobSpec, input)
    expect(input).toEqual(MINIMAL)
  })
})

describe('errors', () => {
  it.each([
    ['a missing field', { model: undefined }, ['/model']],
    ['a wrong value in a record', { metadata: { team: 5 } }, ['/metadata/team']],
    ['a wrong name in a record', { metadata: { 'my team': 'x' } }, ['/metadata/my team']],
    ['a member of Object.prototype', { toString: 1 }, ['/toString']],
    [
      'more errors than TypeBox reports',
      { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1 },
      [...'abcdefghi'].map((name) => `/${name}`),
    ],
    ['an unknown field', { batchsize: 3 }, ['/batchsize']],
    ['an unknown field inside a union', { clipping: { mode: 'norm', maxNorm: 1, p: 2 } }, ['/clipping/p']],
    ['a variant that does not exist', { clipping: { mode: 'agc' } }, ['/clipping/mode']],
    ['a union without its discriminator', { clipping: { maxNorm: 1 } }, ['/clipping/mode']],
    ['a union that is no object', { clipping: 'norm' }, ['/clipping']],
    ['a wrong member of an array', { exports: ['pickle'] }, ['/exports/0']],
    ['the same member twice', { exports: ['sparse', 'sparse'] }, ['/exports']],
    ['a layer', { model: { kind: 'layers', inputShape: [2], layers: [{ type: 'dense' }] } }, ['/model/layers/0/units']],
    ['a slash in a name', { 'a/b~c': 1 }, ['/a~1b~0c']],
    ['several at once', { seed: -1, batchSize: 0 }, ['/batchSize', '/seed']],
  ])('point to %s', (_, changes, expected) => {
    expect(pointersOf(changes).sort()).toEqual(expected)
  })

  it.each<[string, Record<string, unknown>, string[]]>([
    ['a bound', { clipping: { mode: 'norm', maxNorm: 1e-46 } }, ['/clipping/maxNorm']],
    ['a limit', { clipping: { mode: 'value', maxValue: 1e-46 } }, ['/clipping/maxValue']],
    ['an epsilon', { optimizer: { kind: 'adam', epsilon: 1e-46 } }, ['/optimizer/epsilon']],
    ['a learning rate', { optimizer: { kind: 'sgd', learningRate: 1e-46 } }, ['/optimizer/learningRate']],
    ['a momentum', { optimizer: { kind: 'sgd', momentum: 1 - 1e-9 } }, ['/optimizer/momentum']],
    [
      'a beta',
      { optimizer: { kind: 'adam', beta1: 1 - 1e-9, beta2: 1 - 1e-9 } },
      ['/optimizer/beta1', '/optimizer/beta2'],
    ],
  ])('point to %s that is 0 or 1 in float32', (_, changes, expected) => {
    expect(pointersOf(changes).sort()).toEqual(expected)
  })

  it('leave the outermost float32 numbers alone', () => {
    const optimizer = { kind: 'adam', learningRate: 1.1754944e-38, epsilon: 1.1754944e-38, beta2: 1 - 2 ** -24 }
    expect(pointersOf({ optimizer, clipping: { mode: 'value', maxValue: 1.1754944e-38 } })).toEqual([])
    expect([Math.fround(1.1754944e-38), Math.fround(1 - 2 ** -24)]).toEqual([2 ** -126, 1 - 2 ** -24])
  })

  it.each<[Record<string, unknown>, string]>([
    [
      { model: undefined },
      'is required: an object of kind "preset", or an object of kind "layers", or an object of kind "keras", or an object of kind "artifact"',
    ],
    [{ datasetId: undefined }, 'is required: Id of a dataset'],
    [{ datasetId: '7' }, 'must look like "ds_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69", is "7"'],
    [{ clipping: { mode: 'norm' } }, 'is required: Largest norm of a tensor that is left as it is'],
    [{ clipping: { mode: 'norm', maxNorm: 0 } }, 'must be above 0, is 0'],
    [
      { clipping: { mode: 'norm', maxNorm: 1e-46 } },
      'must be at least 1.1754944e-38, the smallest that is not 0 in float32, is 1e-46',
    ],
    [{ optimizer: { kind: 'sgd', momentum: 1 } }, 'must be below 1, is 1'],
    [
      { classWeights: { a: 1 } },
      'must be "balanced", or a list (one a class, in the order of the names of the target; not all 0); is an object',
    ],
    [
      { model: { kind: 'keras', topology: '{"class_name":"Sequential"}' } },
      'must be an object, is "{\\"class_name\\":\\"Sequential\\"}": parse the text first, and send what it holds',
    ],
  ])('of %j say what it should be', (changes, detail) => {
    expect(errorsOf(TrainingJobSpec, { ...MINIMAL, ...changes })).toMatchObject([{ detail }])
  })

  it.each([
    [{ metrics: ['acc'] }, 'did you mean "accuracy"?'],
    [{ loss: 'mse' }, 'did you mean "mean-squared-error"?'],
    [{ optimizer: { kind: 'adma' } }, 'did you mean "adam"?'],
    [{ batchsize: 8 }, 'unknown field (did you mean batchSize?); expected one of: name, kind, datasetId'],
  ])('of %j say what was probably meant', (changes, hint) => {
    expect(errorsOf(TrainingJobSpec, { ...MINIMAL, ...changes })[0]?.detail).toContain(hint)
  })

  it('say what is allowed', () => {
    const [error] = errorsOf(TrainingJobSpec, { ...MINIMAL, clipping: { mode: 'agc' } })
    expect(error?.detail).toBe(
      'must be one of: "none", "value", "norm", "global-norm", "block-rms", "adaptive", "auto", "z-score", "ada-gc"',
    )
  })

  it('tell of a value that is nested too deep, instead of running out of stack', () => {
    let topology: unknown = {}
    for (let depth = 0; depth < 20_000; depth++) topology = { a: topology }
    const [error] = errorsOf(TrainingJobSpec, { ...MINIMAL, model: { kind: 'keras', topology } })
    expect(error?.detail).toMatch(/200 levels/)
  })

  const pair = Type.Tuple([Type.Integer({ minimum: 1 }), Type.Integer({ minimum: 1 })])
  const window = Type.Union([Type.Integer({ minimum: 1 }), pair])
  const kinds = ['normal', 'uniform'] as const
  const forms = Type.Union([
    Type.Literal('balanced'),
    Type.Enum(['zeros', 'ones']),
    ...kinds.map((kind) => Type.Object({ kind: Type.Literal(kind), limit: Type.Number({ minimum: 0 }) })),
  ])
  it.each<[string, TSchema, unknown, string, string]>([
    ['the number', window, 0, '', 'must be at least 1, is 0'],
    ['an entry of the list', window, [1, 0], '/1', 'must be at least 1, is 0'],
    ['neither', window, 'x', '', 'must be a whole number, or a list; is "x"'],
    ['the object of that kind', forms, { kind: 'normal', limit: -1 }, '/limit', 'must be at least 0, is -1'],
    ['an object of no kind', forms, { limit: 1 }, '/kind', 'is required; one of: "normal", "uniform"'],
    [
      'one of several texts',
      forms,
      'x',
      '',
      'must be "balanced", or one of "zeros", "ones", or an object of kind "normal", or an object of kind "uniform"; is "x"',
    ],
    ['the only form', Type.Union([Type.Number({ minimum: 1 })]), 0, '', 'must be at least 1, is 0'],
  ])('are of the form that the value means: %s', (_, schema, value, pointer, detail) => {
    expect(errorsOf(schema, value)).toEqual([{ pointer, detail }])
  })

  it('tell of a name that would get lost: what is taken is there in full', () => {
    const anything = Type.Record(Type.String(), Type.Unknown())
    const names = fc.constantFrom('constructor', 'prototype', '__proto__', 'toString', 'a')
    // Entries and not a literal, in which __proto__ would be no member.
    const objects = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: 'small' }, fc.integer(), tie('object')),
      object: fc.array(fc.tuple(names, tie('value'))).map((entries) => {
        const object: Record<string, unknown> = {}
        for (const [name, value] of entries)
          Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
        return object
      }),
    }))
    fc.assert(
      fc.property(objects.object, (input) => {
        const parsed = parse(anything, input)
        if (parsed.ok) expect(JSON.stringify(parsed.value)).toBe(JSON.stringify(input))
        else expect(parsed.errors[0]?.pointer).toMatch(/\/(constructor|prototype|__proto__)$/)
      }),
    )
  })

  it('are at most twenty', () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`x${i}`, 1]))
    expect(errorsOf(TrainingJobSpec, { ...MINIMAL, ...many })).toHaveLength(20)
  })

  it('are never empty for what is refused, whatever it is', () =>
    fc.assert(
      fc.property(fc.jsonValue(), (input) => {
        const parsed = parse(TrainingJobSpec, input)
        expect(parsed.ok ? 0 : parsed.errors.length).toBeGreaterThan(0)
      }),
    ))

  it('come for exactly the values that the schema refuses', () => {
    const schema = Type.Object({ n: Type.Integer({ minimum: 1, maximum: 3 }) }, { additionalProperties: false })
    fc.assert(
      fc.property(fc.integer({ min: -5, max: 5 }), (n) => {
        expect(parse(schema, { n }).ok).toBe(n >= 1 && n <= 3)
      }),
    )
  })
})
