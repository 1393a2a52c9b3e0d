// Makes the Python environment of the benchmark's peers in .venv-peers: `npm run bench:peers`.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

const folder = '.venv-peers'
const python = join(folder, 'bin', 'python')
const marker = join(folder, 'complete.json')

// PyPI's torch for Linux is the CUDA build: it loads the CUDA libraries even where it computes on the CPU, so they come along.
const packages = [
  ...['keras==3.15.1', 'tensorflow-cpu==2.21.0', 'torch==2.15.0', 'torch-pruning==1.6.1'],
  ...['numpy', 'safetensors', 'setuptools>=77'],
]

const wanted = JSON.stringify(packages)

function pip(...args) {
  execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--no-cache-dir', ...args], { stdio: 'inherit' })
}

/** Runs a step and says how long it took. */
function step(what, run) {
  const begin = Date.now()
  process.stdout.write(`${what} … `)
  run()
  process.stdout.write(`${((Date.now() - begin) / 1000).toFixed(1)} s\n`)
}

function versions() {
  const code =
    'import keras, tensorflow, torch, torch_pruning, numpy; print(keras.__version__, tensorflow.__version__, torch.__version__)'
  const result = spawnSync(python, ['-c', code], {
    encoding: 'utf8',
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
  })
  if (result.status !== 0) throw new Error(`the peers do not import:\n${result.stderr}`)
  const [keras, tensorflow, torchVersion] = result.stdout.trim().split('\n').at(-1).split(' ')
  return { keras, tensorflow, torch: torchVersion }
}

if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) {
  console.log(`${folder} is complete`)
  process.exit(0)
}
try {
  rmSync(folder, { recursive: true, force: true })
  step('virtual environment', () => execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' }))
  step('keras, tensorflow-cpu, torch (about 3 GB)', () => pip(...packages))
  step('import', () => console.log(JSON.stringify(versions())))
  writeFileSync(marker, wanted)
} catch (error) {
  console.error(`\nbench:peers failed: ${error.message}`)
  console.error('It needs Python 3.10 to 3.13 with venv and pip, about 7 GB of disk, and a Python package index.')
  process.exit(1)
}
