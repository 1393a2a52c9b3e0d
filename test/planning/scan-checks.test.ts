import { describe, expect, it } from 'vitest'
import { EspalierError } from '../../src/errors.js'
import { planTrainingJob } from '../../src/planning/plan.js'
import { expandModel } from '../../src/planning/presets.js'
import { mnist, specOf } from './fixtures.js'

type Fields = Record<string, unknown>

const SCAN = {
  kind: 'sensitivity-scan',
  model: { kind: 'artifact', jobId: 'job_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69' },
}
/** lenet-300-100, as a job has delivered it. */
const { pointers: _, ...model } = expandModel({ kind: 'preset', name: 'lenet-300-100' })
const START = { model, normalization: null }

const planOf = (fields: Fields = {}) => planTrainingJob(specOf({ ...SCAN, ...fields }), mnist, START)

function findings(fields: Fields) {
  try {
    planTrainingJob(specOf(fields), mnist, START)
    return []
  } catch (error) {
    if (error instanceof EspalierError) return error.errors
    throw error
  }
}

describe('a scan', () => {
  it('has a default for everything, and planning it again changes nothing', () => {
    const { spec, steps, layers } = planOf()
    expect(spec.scan).toEqual({
      sparsities: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99],
      criterion: 'magnitude',
      granularity: { kind: 'element' },
      calibration: { rows: 1024 },
      include: ['*'],
      exclude: [],
      dropWithin: 0.01,
    })
    expect(spec).not.toHaveProperty('epochs')
    // Dense; three layers and all of them at eleven sparsities; all at what they tolerate.
    expect(steps).toBe(1 + 4 * 11 + 1)
    expect(layers.map(({ prunable }) => prunable).filter(Boolean)).toHaveLength(3)
    expect(planTrainingJob(spec, mnist, START).spec).toEqual(spec)
  })

  it('has its sparsities in ascending order', () => {
    const { spec } = planOf({ scan: { sparsities: [0.9, 0.1, 0.5] } })
    expect(spec.scan?.sparsities).toEqual([0.1, 0.5, 0.9])
  })

  it.each([
    [{ exclude: ['output'] }, 2],
    // Hidden layers; the units of the output stay.
    [{ granularity: { kind: 'neuron' }, sparsities: [0.5, 0.99] }, 2],
    [{ include: ['dense-1/kernel'] }, 1],
  ])('of %j measures what is selected', (fields, layers) => {
    const { spec, steps } = planOf({ scan: fields })
    expect(steps).toBe(2 + (layers + 1) * (spec.scan?.sparsities.length ?? 0))
  })

  it('may have all that a training job has by default, in any order of its fields', () => {
    const fields = {
      optimizer: { learningRate: 0.001, kind: 'adam' },
      clipping: { mode: 'none' },
      exports: ['safetensors'],
    }
    expect(findings({ ...SCAN, ...fields })).toEqual([])
  })

  it.each<[string, Fields, string, RegExp]>([
    [
      'a network that nobody has trained',
      { model: { kind: 'preset', name: 'lenet-5' } },
      '/model',
      /finished model: .*artifact/,
    ],
    ['another optimizer', { optimizer: { kind: 'sgd' } }, '/optimizer', /makes no updates/],
    ['a learning rate', { optimizer: { kind: 'adam', learningRate: 0.1 } }, '/optimizer', /makes no updates/],
    ['averages of weights', { optimizer: { kind: 'adam', ema: {} } }, '/optimizer', /makes no updates/],
    ['epochs', { epochs: 1 }, '/epochs', /trains nothing/],
    ['steps', { steps: 10 }, '/steps', /trains nothing/],
    ['early stopping', { earlyStopping: { monitor: 'loss' } }, '/earlyStopping', /trains nothing/],
    ['clipping', { clipping: { mode: 'norm', maxNorm: 1 } }, '/clipping', /no gradients/],
    [
      'pruning',
      { pruning: { schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 0 } } },
      '/pruning',
      /under \/scan/,
    ],
    ['checkpoints', { checkpoints: { everySteps: 5 } }, '/checkpoints', /by itself/],
    ['exports', { exports: ['onnx'] }, '/exports', /sensitivity\.json/],
    ['XLA', { engine: { xla: 'always' } }, '/engine', /no steps/],
    ['evaluations', { validation: { fraction: 0.1, everySteps: 5 } }, '/validation/everySteps', /trains nothing/],
    ['class weights without gradients', { classWeights: 'balanced' }, '/classWeights', /magnitude takes none/],
    [
      'a criterion of training',
      { scan: { criterion: 'movement' } },
      '/scan/criterion',
      /sums over the steps .* magnitude or taylor/,
    ],
    ['a criterion of units for weights', { scan: { criterion: 'apoz' } }, '/scan/criterion', /scores whole units/],
    [
      'n of m',
      { scan: { granularity: { kind: 'n-of-m', keep: 2, of: 4 } } },
      '/scan/granularity/kind',
      /nothing to scan/,
    ],
    ['a name that is not there', { scan: { include: ['conv-*'] } }, '/scan/include/0', /matches no layer/],
    ['no layer that is left', { scan: { exclude: ['*'] } }, '/scan', /leave no layer/],
    ['no units that can go', { scan: { granularity: { kind: 'filter' } } }, '/scan/include', /selects no units/],
  ])('is refused with %s', (_, fields, pointer, says) => {
    expect(findings({ ...SCAN, ...fields })).toEqual([{ pointer, detail: expect.stringMatching(says) }])
  })

  it('may weigh classes where gradients are measured', () => {
    expect(findings({ ...SCAN, classWeights: 'balanced', scan: { criterion: 'taylor' } })).toEqual([])
  })
})

describe('a training job', () => {
  it('is refused with a scan', () => {
    expect(findings({ scan: {} })).toEqual([
      { pointer: '/scan', detail: expect.stringMatching(/kind sensitivity-scan/) },
    ])
  })

  it('has no scan', () => {
    expect(planTrainingJob(specOf(), mnist).spec).toMatchObject({ kind: 'training', epochs: 10 })
    expect(planTrainingJob(specOf(), mnist).spec).not.toHaveProperty('scan')
  })
})
