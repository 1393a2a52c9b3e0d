import { IRIS_CSV } from './scene.js'

export type Fields = Readonly<Record<string, unknown>>
type Case = readonly [name: string, dataset: DatasetName, change: Fields, pointer: string, says: string]

export const layers = (inputShape: unknown, ...layers: unknown[]) => ({ model: { kind: 'layers', inputShape, layers } })
export const dense = (units: number, fields: Fields = {}) => ({ type: 'dense', name: 'output', units, ...fields })
const table = (rows: number, header: string, row: (index: number) => string) =>
  `${header}\n${Array.from({ length: rows }, (_, index) => row(index)).join('\n')}\n`

/** What each dataset is made of, and a model that fits it. */
export const DATASETS = {
  /** 40 rows of 2 features and 3 classes. */
  classes: { csv: IRIS_CSV, base: layers([2], dense(3)) },
  /** 30 rows of 2 classes, `b` of one row only. */
  rare: { csv: table(30, 'x,y,kind', (i) => `${i},${i % 7},${i === 4 ? 'b' : 'a'}`), base: layers([2], dense(2)) },
  /** 30 rows, labels from −10 to 4.5. */
  number: { csv: table(30, 'x,y,z', (i) => `${i},${i % 7},${i / 2 - 10}`), base: layers([2], dense(1)) },
  /** 30 rows of two labels. */
  labels: {
    csv: table(30, 'x,y,red,round', (i) => `${i},${i % 7},${i % 2},${i % 3 === 0 ? 1 : 0}`),
    fields: { target: 'red,round' },
    base: layers([2], dense(2)),
  },
  /** 49 windows of 10 characters, of 8 different ones. */
  text: { text: 'the whale\n'.repeat(55), base: { model: { kind: 'preset', name: 'char-rnn' } } },
  /** 20 sequences of 10 symbols, one-hot of 6, of 4 classes. */
  sequences: { rows: 20, base: { model: { kind: 'preset', name: 'lstm-classifier' } } },
  /** A single sequence, and so a single class. */
  single: { rows: 1, base: { model: { kind: 'preset', name: 'lstm-classifier' }, batchSize: 1 } },
} as const
export type DatasetName = keyof typeof DATASETS

/** What is refused, by what it is about: on which dataset, the change to its spec, where the error points, and a part of what it says. */
// biome-ignore format: a table, one case a line
export const BAD_SPECS: Readonly<Record<string, readonly Case[]>> = {
  'numbers': [
    ['NaN as text', 'classes', { clipping: { mode: 'value', maxValue: 'NaN' } }, '/clipping/maxValue', 'must be a number, is "NaN"'],
    ['a threshold of null', 'classes', { clipping: { mode: 'norm', maxNorm: null } }, '/clipping/maxNorm', 'must be a number, is null'],
    ['a threshold of 0', 'classes', { clipping: { mode: 'norm', maxNorm: 0 } }, '/clipping/maxNorm', 'must be above 0, is 0'],
    ['a threshold beyond float32', 'classes', { clipping: { mode: 'norm', maxNorm: 1e300 } }, '/clipping/maxNorm', 'must be at most 3.4e+38'],
    ['a shadow of NaN', 'classes', { clipping: { mode: 'none', shadow: [{ mode: 'norm', maxNorm: 'NaN' }] } }, '/clipping/shadow/0/maxNorm', 'is "NaN"'],
    ['a percentile of 101', 'classes', { clipping: { mode: 'auto', percentile: 101 } }, '/clipping/percentile', 'must be at most 100, is 101'],
    ['a norm of order 5', 'classes', { clipping: { mode: 'global-norm', maxNorm: 1, p: 5 } }, '/clipping/p', 'must be one of: 1, 2, 3, "infinity"'],
    ['a negative budget', 'classes', { clipping: { mode: 'none', onNonFinite: 'skip', nonFiniteBudget: -1 } }, '/clipping/nonFiniteBudget', 'must be at least 0'],
    ['sparsity 1', 'classes', { pruning: { schedule: { kind: 'one-shot', finalSparsity: 1, beginStep: 2 } } }, '/pruning/schedule/finalSparsity', 'must be below 1, is 1'],
    ['a batch of 0', 'classes', { batchSize: 0 }, '/batchSize', 'must be at least 1, is 0'],
    ['half a step', 'classes', { steps: 1.5 }, '/steps', 'must be a whole number, is 1.5'],
    ['steps without end', 'classes', { steps: 1e9 }, '/steps', 'must be at most 100000000'],
    ['a seed of 54 bits', 'classes', { seed: 2 ** 53 }, '/seed', 'must be at most 2147483647'],
    ['a learning rate of 0', 'classes', { optimizer: { kind: 'sgd', learningRate: 0 } }, '/optimizer/learningRate', 'is 0'],
    ['a momentum of 1', 'classes', { optimizer: { kind: 'sgd', momentum: 1 } }, '/optimizer/momentum', 'must be below 1, is 1'],
    ['no checkpoint to keep', 'classes', { checkpoints: { keep: 0 } }, '/checkpoints/keep', 'must be at least 1, is 0'],
    ['checkpoints that never come', 'classes', { checkpoints: { everySteps: 1e300 } }, '/checkpoints/everySteps', 'must be at most 100000000'],
    ['a fraction of 1', 'classes', { validation: { fraction: 1 } }, '/validation/fraction', 'must be at most 0.9'],
    ['one fold', 'classes', { validation: { folds: 1 } }, '/validation/folds', 'must be at least 2'],
    ['no patience', 'classes', { earlyStopping: { monitor: 'loss', patience: 0 } }, '/earlyStopping/patience', 'must be at least 1'],
    ['label smoothing of 1', 'classes', { lossOptions: { labelSmoothing: 1 } }, '/lossOptions/labelSmoothing', 'must be below 1, is 1'],
    ['huber of nothing', 'number', { loss: 'huber', lossOptions: { huberDelta: 0 } }, '/lossOptions/huberDelta', 'is 0'],
    ['a negative class weight', 'classes', { classWeights: [1, 1, -1] }, '/classWeights/2', 'must be at least 0, is -1'],
    ['a text of no length', 'text', { sampling: { length: 0 } }, '/sampling/length', 'must be at least 1'],
    ['no time', 'classes', { limits: { maxSeconds: 0 } }, '/limits/maxSeconds', 'must be at least 1'],
  ],
  'types': [
    ['a number as text', 'classes', { batchSize: '8' }, '/batchSize', 'must be a whole number, is "8"'],
    ['a list for a number', 'classes', { optimizer: { kind: 'sgd', learningRate: [1] } }, '/optimizer/learningRate', 'is a list'],
    ['text for clipping', 'classes', { clipping: 'norm' }, '/clipping', 'must be an object, is "norm"'],
    ['null for a layer', 'classes', layers([2], null), '/model/layers/0', 'must be an object, is null'],
    ['a word for class weights', 'classes', { classWeights: 'equal' }, '/classWeights', 'must be "balanced", or a list'],
    ['an unknown field', 'classes', { sparcity: 0.9 }, '/sparcity', 'unknown field; expected one of: name'],
    ['a field of another mode', 'classes', { clipping: { mode: 'value', maxNorm: 1 } }, '/clipping/maxNorm', 'unknown field'],
    ['a loss by another name', 'classes', { loss: 'mse' }, '/loss', '"mean-squared-error"'],
    ['an initializer by another name', 'classes', layers([2], dense(3, { kernelInitializer: 'xavier' })), '/model/layers/0/kernelInitializer', '"glorot-uniform"'],
    ['an initializer out of range', 'classes', layers([2], dense(3, { kernelInitializer: { kind: 'normal', deviation: -1 } })), '/model/layers/0/kernelInitializer/deviation', 'must be at least 0'],
    ['a window of three', 'sequences', layers([10, 6, 1], { type: 'conv2d', filters: 1, kernelSize: [3, 3, 3] }), '/model/layers/0/kernelSize', 'must have 2 entries, has 3'],
    ['a name that is too long', 'classes', { name: 'x'.repeat(201) }, '/name', 'must have at most 200 characters, has 201'],
    ['a name that means something to JavaScript', 'classes', { metadata: { constructor: 'x' } }, '/metadata/constructor', "no field may be called 'constructor'"],
    ['the same metric twice', 'classes', { metrics: ['accuracy', 'accuracy'] }, '/metrics', 'must not have an entry twice'],
    ['nothing to export', 'classes', { exports: [] }, '/exports', 'must have at least 1 entry, has 0'],
  ],
  'layers': [
    ['none', 'classes', layers([2]), '/model/layers', 'must have at least 1 entry'],
    ['an extent of 0', 'classes', layers([0], dense(3)), '/model/inputShape/0', 'must be at least 1'],
    ['the same name twice', 'classes', layers([2], dense(3), dense(3)), '/model/layers/1/name', "layer 0 is called 'output' already"],
    ['a name that a default has', 'classes', layers([2], dense(3, { name: 'dense-2' }), { type: 'dense', units: 3 }), '/model/layers/1/name', "called 'dense-2' already"],
    ['a layer that takes itself', 'classes', layers([2], dense(3, { inputs: ['output'] })), '/model/layers/0/inputs/0', "'output' is neither 'input' nor the name of an earlier layer"],
    ['a circle', 'classes', layers([2], { type: 'add', name: 'a', inputs: ['input', 'b'] }, dense(2, { name: 'b', inputs: ['a'] })), '/model/layers/0/inputs/1', "'b' is neither"],
    ['an input that is not there', 'classes', layers([2], dense(3, { inputs: ['ghost'] })), '/model/layers/0/inputs/0', "'ghost' is neither"],
    ['a layer that leads nowhere', 'classes', layers([2], dense(3, { name: 'idle' }), dense(3, { inputs: ['input'] })), '/model/layers/0', "layer 'idle' leads nowhere"],
    ['shapes that do not add up', 'classes', layers([2], dense(3, { name: 'a' }), { type: 'add', name: 'sum', inputs: ['a', 'input'] }), '/model/layers/1', "layer 'sum': add takes inputs of one shape but they are [3] and [2]"],
    ['a convolution of a vector', 'classes', layers([2], { type: 'conv2d', name: 'conv', filters: 3, kernelSize: 3 }), '/model/layers/0', "layer 'conv': conv2d takes [height, width, channels] but its input is [2]"],
    ['a reshape that does not fit', 'classes', layers([2], { type: 'reshape', name: 'r', targetShape: [3] }), '/model/layers/0', "layer 'r': targetShape [3] has 3 numbers but its input [2] has 2"],
    ['an embedding in the middle', 'text', layers([10], { type: 'embedding', inputSize: 8, outputSize: 4 }, { type: 'embedding', name: 'again', inputSize: 8, outputSize: 4, inputs: ['embedding-1'] }), '/model/layers/1', "layer 'again': embedding takes the ids of the examples"],
    ['an output of the wrong size', 'classes', layers([2], dense(4)), '/model/layers/0', "layer 'output' gives [4] but the dataset, with its 3 classes, needs [3]"],
    ['an input of the wrong size', 'classes', layers([3], dense(3)), '/model/inputShape', 'the model takes [3], an example of the dataset is [2]; give it 2 numbers'],
    ['a preset for other data', 'classes', { model: { kind: 'preset', name: 'lenet-5' } }, '/model/name', 'take a preset that adapts to the data'],
    ['char-rnn without text', 'classes', { model: { kind: 'preset', name: 'char-rnn' } }, '/model/name', 'char-rnn takes texts'],
    ['ids that are computed with', 'text', layers([10], dense(8)), '/model/layers/0', 'put an embedding layer before it'],
    ['a vocabulary that is too small', 'text', layers([10], { type: 'embedding', name: 'e', inputSize: 3, outputSize: 4 }, dense(8)), '/model/layers/0', "layer 'e' knows ids below 3; the dataset has 8"],
    ['an output for another vocabulary', 'text', layers([10], { type: 'embedding', inputSize: 8, outputSize: 4 }, dense(9)), '/model/layers/1', 'gives [10, 9] but the dataset, with its 8 tokens, needs [10, 8]'],
    ['an embedding of numbers', 'classes', layers([2], { type: 'embedding', name: 'e', inputSize: 9, outputSize: 4 }, { type: 'flatten' }, dense(3)), '/model/layers/0', "layer 'e' looks up ids"],
    ['no weights', 'number', layers([2], { type: 'flatten' }), '/model/layers', 'there is nothing to train'],
    ['more weights than fit', 'classes', layers([2], { type: 'repeat-vector', times: 65_536 }, { type: 'flatten' }, dense(65_536, { name: 'wide' }), dense(3)), '/model/layers', 'at most 100000000 are allowed'],
    ['more layers than are taken', 'classes', layers([2], ...Array.from({ length: 501 }, () => ({ type: 'flatten' }))), '/model/layers', 'must have at most 500 entries, has 501'],
  ],
  'loss and metrics': [
    ['a loss of numbers for classes', 'classes', { loss: 'mean-squared-error' }, '/loss', 'needs a target of kind number; that of the dataset is classes'],
    ['a loss of classes for numbers', 'number', { loss: 'sparse-categorical-crossentropy' }, '/loss', 'that of the dataset is number'],
    ['labels below the least of the loss', 'number', { loss: 'poisson', ...layers([2], dense(1, { activation: 'softplus' })) }, '/loss', 'needs labels of at least 0; those of the dataset go from -10 to 4.5'],
    ['labels that are no shares', 'number', { loss: 'kl-divergence', ...layers([2], dense(1, { activation: 'softmax' })) }, '/loss', 'needs shares from 0 to 1'],
    ['an option of another loss', 'number', { lossOptions: { labelSmoothing: 0.1 } }, '/lossOptions/labelSmoothing', 'mean-squared-error has no such option'],
    ['relu before a cross-entropy', 'classes', layers([2], dense(3, { activation: 'relu' })), '/model/layers/0/activation', "layer 'output' ends in relu; sparse-categorical-crossentropy takes logits"],
    ['logits for probabilities', 'classes', { loss: 'kl-divergence' }, '/model/layers/0/activation', 'end the model in softmax'],
    ['probabilities for scores', 'classes', { loss: 'hinge', ...layers([2], dense(3, { activation: 'softmax' })) }, '/model/layers/0/activation', 'hinge takes scores'],
    ['one output under a loss that needs two', 'rare', layers([2], dense(1)), '/model/layers/0', 'one output is enough if /loss is binary-crossentropy'],
    ['one output for three classes', 'classes', { loss: 'binary-crossentropy', ...layers([2], dense(1)) }, '/model/layers/0', 'gives [1] but the dataset, with its 3 classes, needs [3]'],
    ['accuracy of numbers', 'number', { metrics: ['accuracy'] }, '/metrics/0', 'accuracy does not fit the target of the dataset, which is of kind number'],
    ['an error of classes', 'classes', { metrics: ['accuracy', 'r2'] }, '/metrics/1', 'r2 does not fit'],
    ['the best five of three', 'classes', { metrics: ['top-5-accuracy'] }, '/metrics/0', 'of 3 classes it is always 1'],
    ['the best three of three', 'classes', { metrics: ['top-3-accuracy'] }, '/metrics/0', 'of 3 classes it is always 1'],
    ['perplexity without a distribution', 'labels', { metrics: ['perplexity'] }, '/metrics/0', 'perplexity does not fit'],
    ['log-loss of scores', 'classes', { loss: 'hinge', metrics: ['log-loss'] }, '/metrics/0', 'log-loss needs probabilities'],
    ['weights for another number of classes', 'classes', { classWeights: [1, 2] }, '/classWeights', '2 weights for 3 classes'],
    ['weights that are all 0', 'classes', { classWeights: [0, 0, 0] }, '/classWeights', 'nothing would be learned'],
    ['class weights without classes', 'number', { classWeights: 'balanced' }, '/classWeights', 'needs class labels'],
    ['a monitor that is not measured', 'classes', { validation: { fraction: 0.2 }, earlyStopping: { monitor: 'validation.auc' } }, '/earlyStopping/monitor', 'add auc to /metrics'],
    ['a monitor without rows', 'classes', { earlyStopping: {} }, '/earlyStopping/monitor', 'validation.loss needs rows held out'],
    ['a best checkpoint without rows', 'classes', { checkpoints: { best: {} } }, '/checkpoints/best/monitor', 'needs rows held out'],
    ['a plateau that is not measured', 'classes', { validation: { fraction: 0.2 }, optimizer: { kind: 'sgd', schedule: { kind: 'plateau', monitor: 'validation.auc' } } }, '/optimizer/schedule/monitor', 'add auc to /metrics'],
    ['text from classes', 'classes', { sampling: {} }, '/sampling', 'only models of token labels write text'],
    ['a prompt of unknown characters', 'text', { sampling: { prompt: 'xyz' } }, '/sampling/prompt', "'x' is not in the vocabulary"],
  ],
  'rows': [
    ['a batch larger than the data', 'classes', { batchSize: 41 }, '/batchSize', 'a batch of 41 takes more than the 40 rows to train on'],
    ['a batch larger than what is left', 'classes', { batchSize: 40, validation: { fraction: 0.5 } }, '/batchSize', 'more than the 20 rows'],
    ['the default batch on a small table', 'classes', { batchSize: undefined }, '/batchSize', 'a batch of 128 takes more than the 40 rows'],
    ['more mini-batches than there are', 'classes', { optimizer: { kind: 'sgd', accumulateSteps: 6 } }, '/optimizer/accumulateSteps', 'an epoch has 5 of 8'],
    ['a fraction that holds out nothing', 'classes', { validation: { fraction: 0.01 } }, '/validation/fraction', 'holds out none of the 40 rows'],
    ['a fraction that leaves nothing', 'single', { validation: { fraction: 0.9 } }, '/validation/fraction', 'leaves none of the 1 rows'],
    ['more folds than rows', 'sequences', { validation: { folds: 21 } }, '/validation/folds', 'the dataset has only 20 rows'],
    ['a fold beyond the last', 'classes', { validation: { folds: 5, fold: 5 } }, '/validation/fold', 'must be below folds'],
    ['a fold of nothing', 'classes', { validation: { fold: 0 } }, '/validation/fold', 'needs /validation/folds'],
    ['folds and a fraction', 'classes', { validation: { folds: 5, fraction: 0.1 } }, '/validation/folds', 'not both'],
    ['labels that are all equal', 'single', { validation: { fraction: 0.5, stratified: true } }, '/validation/stratified', 'all labels are equal'],
    ['a class of one row', 'rare', { validation: { fraction: 0.2, stratified: true } }, '/validation/stratified', "class 'b' has 1 row(s)"],
    ['strata of numbers', 'number', { validation: { fraction: 0.2, stratified: true } }, '/validation/stratified', 'needs class labels'],
    ['strata of nothing', 'classes', { validation: { stratified: true } }, '/validation/stratified', 'no rows are held out'],
    ['evaluations of nothing', 'classes', { validation: { everySteps: 5 } }, '/validation/everySteps', 'no rows are held out'],
    ['epochs and steps', 'classes', { epochs: 2 }, '/steps', 'give either epochs or steps'],
  ],
  'schedules and patterns': [
    ['a layer that is not clipped', 'classes', { clipping: { mode: 'norm', maxNorm: 1, include: ['hidden*'] } }, '/clipping/include/0', "'hidden*' matches no layer with weights; there are: output"],
    ['a shadow of no layer', 'classes', { clipping: { mode: 'none', shadow: [{ mode: 'norm', maxNorm: 1, exclude: ['x'] }] } }, '/clipping/shadow/0/exclude/0', "'x' matches no layer"],
    ['no layer left to clip', 'classes', { clipping: { mode: 'norm', maxNorm: 1, exclude: ['*'] } }, '/clipping', 'leave no layer to clip'],
    ['a layer that is not pruned', 'classes', { pruning: { schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 2 }, include: ['conv*'] } }, '/pruning/include/0', "'conv*' matches no layer with a kernel; there are: output"],
    ['no layer left to prune', 'classes', { pruning: { schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 2 }, exclude: ['output'] } }, '/pruning', 'leave no layer to prune'],
    ['pruning after the job', 'classes', { pruning: { schedule: { kind: 'one-shot', finalSparsity: 0.5, beginStep: 20 } } }, '/pruning/schedule/beginStep', 'the job ends with step 19'],
    ['a threshold that changes after the job', 'classes', { clipping: { mode: 'norm', maxNorm: 1, thresholdSchedule: { kind: 'linear', beginStep: 20, endStep: 30, finalFraction: 0.1 } } }, '/clipping/thresholdSchedule/beginStep', 'the job ends with step 19'],
    ['a threshold that ends before it begins', 'classes', { clipping: { mode: 'norm', maxNorm: 1, thresholdSchedule: { kind: 'linear', beginStep: 9, endStep: 9, finalFraction: 0.1 } } }, '/clipping/thresholdSchedule/beginStep', 'must lie before endStep, which is 9'],
    ['a schedule of no threshold', 'classes', { clipping: { mode: 'none', thresholdSchedule: { kind: 'linear', finalFraction: 0.1 } } }, '/clipping/thresholdSchedule', 'mode none has no threshold'],
    ['a warm-up of clipping as long as the job', 'classes', { clipping: { mode: 'z-score', warmupSteps: 20 } }, '/clipping/warmupSteps', 'the job has 20 steps'],
    ['a budget that is never used', 'classes', { clipping: { mode: 'none', nonFiniteBudget: 3 } }, '/clipping/nonFiniteBudget', 'under fail the first occurrence ends the job'],
    ['shadows of one name', 'classes', { clipping: { mode: 'none', shadow: [{ mode: 'norm', maxNorm: 1, name: 'a' }, { mode: 'norm', maxNorm: 2, name: 'a' }] } }, '/clipping/shadow/1/name', "shadow 0 is called 'a' already"],
    ['a warm-up as long as the job', 'classes', { optimizer: { kind: 'sgd', schedule: { kind: 'constant', warmupSteps: 20 } } }, '/optimizer/schedule/warmupSteps', 'the warm-up would not end'],
    ['a rate that changes after the job', 'classes', { optimizer: { kind: 'sgd', schedule: { kind: 'cosine', beginStep: 20, endStep: 30 } } }, '/optimizer/schedule/beginStep', 'the learning rate would never change'],
    ['Nesterov without momentum', 'classes', { optimizer: { kind: 'sgd', nesterov: true } }, '/optimizer/nesterov', 'set /optimizer/momentum'],
  ],
}
