import { partOf, type SourceFile, withoutComments } from './source-tree.js'

const ALL = [
  'contracts',
  'errors',
  'config',
  'formats',
  'planning',
  'ml',
  'datasets',
  'db',
  'storage',
  'queue',
  'workers',
]

/** What each part of src may import besides itself. A part that is not listed may import nothing: whoever adds one decides here. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  contracts: ['errors'],
  errors: ['contracts'],
  version: [],
  random: [],
  config: ['contracts', 'errors', 'storage', 'queue'],
  formats: ['contracts', 'errors'],
  planning: ['contracts', 'errors'],
  'model-files': ['contracts', 'errors', 'formats', 'planning'],
  ml: ['contracts', 'errors', 'formats', 'planning', 'random'],
  datasets: ['contracts', 'errors', 'formats', 'storage', 'random'],
  db: ['contracts', 'errors', 'config'],
  storage: ['contracts', 'errors', 'config'],
  queue: ['contracts', 'errors', 'config'],
  api: [
    'contracts',
    'errors',
    'version',
    'config',
    'planning',
    'formats',
    'model-files',
    'datasets',
    'db',
    'storage',
    'queue',
  ],
  workers: ALL,
  cli: [...ALL, 'api', 'version'],
}

/** Packages and built-in modules that a part is held to; parts that are not listed choose freely. */
const EXTERNAL: readonly { readonly within: string; readonly only: readonly string[] }[] = [
  {
    within: 'ml/engine/',
    only: [
      '@tensorflow/tfjs-core',
      '@tensorflow/tfjs-node-gpu',
      'node:fs',
      'node:os',
      'node:path',
      'node:module',
      'node:util',
    ],
  },
  { within: 'ml/exports/', only: ['@tensorflow/tfjs-core', 'fflate', 'h5wasm'] },
  {
    within: 'ml/',
    only: ['@tensorflow/tfjs-core', 'node:crypto', 'node:zlib', 'node:timers', 'node:perf_hooks', 'node:util'],
  },
  { within: 'model-files/', only: ['@zip.js/zip.js', 'h5wasm', 'node:url', 'node:worker_threads'] },
  { within: 'planning/', only: ['typebox'] },
  { within: 'contracts/', only: ['typebox', 'uuidv7'] },
  { within: 'formats/', only: ['node:zlib', 'node:buffer'] },
]
const TENSORFLOW_ONLY_IN = ['ml']

/** Files that may read or set `process.env`. The engine sets TF_CPP_MIN_LOG_LEVEL before it loads TensorFlow. */
const ENVIRONMENT = ['config.ts', 'ml/engine/environment.ts']
const MAX_LINES = 300

/** Everything in the tree that breaks a rule, one sentence each. */
export function violations(files: readonly SourceFile[]): string[] {
  return [...borders(files), ...packages(files), ...cycles(files), ...sizes(files), ...environment(files)]
}

function borders(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const part = partOf(file.path)
    const allowed = MAY_IMPORT[part]
    if (allowed === undefined)
      return [`${file.path}: no rule says what '${part}' may import; add one to test/architecture/rules.ts`]
    return file.internal
      .filter((target) => partOf(target) !== part && !allowed.includes(partOf(target)))
      .map((target) => `${file.path} imports ${target}: '${part}' must not import '${partOf(target)}'`)
  })
}

function packages(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const rule = EXTERNAL.find(({ within }) => file.path.startsWith(within))
    return file.external
      .filter((name) =>
        rule
          ? !rule.only.includes(name)
          : name.startsWith('@tensorflow/') && !TENSORFLOW_ONLY_IN.includes(partOf(file.path)),
      )
      .map((name) => `${file.path} imports ${name}, which is not for ${rule?.within ?? partOf(file.path)}`)
  })
}

/** Cycles at run time: types that refer to each other are no trouble. Depth-first search; each cycle is named once, from the file where it was entered. */
function cycles(files: readonly SourceFile[]): string[] {
  const imports = new Map(files.map((file) => [file.path, file.loaded]))
  const finished = new Set<string>()
  const found: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const entered = trail.indexOf(path)
    if (entered >= 0) {
      found.push(`import cycle: ${[...trail.slice(entered), path].join(' → ')}`)
      return
    }
    if (finished.has(path)) return
    for (const target of imports.get(path) ?? []) visit(target, [...trail, path])
    finished.add(path)
  }
  for (const file of files) visit(file.path, [])
  return found
}

function sizes(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => file.lines > MAX_LINES)
    .map((file) => `${file.path} has ${file.lines} lines, more than ${MAX_LINES}: probably two ideas`)
}

function environment(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => !ENVIRONMENT.includes(file.path) && /\bprocess\s*\.\s*env\b/.test(withoutComments(file.text)))
    .map((file) => `${file.path} uses process.env: only ${ENVIRONMENT.join(' and ')} may`)
}
