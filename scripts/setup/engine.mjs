/**
 * The native engine: libtensorflow and its C headers out of the official Python wheel, and the addon of tfjs-node-gpu compiled against them.
 * It lies outside of the checkout (ESPALIER_CACHE, by default the user's cache folder), one folder for each version and platform, shared by all checkouts.
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fail, root, run, step } from './step.mjs'

const TENSORFLOW = '2.21.0'
const GIB = 1024 ** 3
/** Wheels carry the library whatever the Python version; cp311 is pinned so that one hash holds for every machine of a platform. */
const WHEELS = {
  'linux-x64': {
    name: 'tensorflow-cpu',
    platform: 'manylinux_2_27_x86_64',
    sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
  },
  'linux-arm64': {
    name: 'tensorflow',
    platform: 'manylinux_2_27_aarch64',
    sha256: '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
  },
}

const packageFolder = path.join(root, 'node_modules/@tensorflow/tfjs-node-gpu')
const addonLink = path.join(packageFolder, 'lib/napi-v8/tfjs_binding.node')

function cacheFolder() {
  const base =
    process.env.ESPALIER_CACHE || path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'espalier')
  return path.resolve(base)
}

/** The wheel for this machine; set-up asks before it installs anything. */
export function requirePlatform() {
  const platform = `${process.platform}-${process.arch}`
  const wheel = WHEELS[platform]
  if (!wheel)
    fail(
      `The engine is not available for ${platform}. Supported: ${Object.keys(WHEELS).join(', ')} (on macOS and Windows use Linux in a container).`,
    )
  return { platform, wheel }
}

export async function ensureEngine() {
  const { platform, wheel } = requirePlatform()
  const tfjs = JSON.parse(readFileSync(path.join(packageFolder, 'package.json'), 'utf8')).version
  const cache = cacheFolder()
  const home = path.join(cache, `engine-tensorflow-${TENSORFLOW}-tfjs-${tfjs}-${platform}`)
  const addon = path.join(home, 'lib/napi-v8/tfjs_binding.node')
  if (!existsSync(addon)) await build(cache, home, wheel)
  if (!isLinkTo(addonLink, addon)) await step('link the engine', () => link(addon, home))
}

async function build(cache, home, wheel) {
  const python = findPython()
  requireCompiler()
  mkdirSync(cache, { recursive: true })
  requireSpace(cache)
  const nodeFolder = requireNodeHeaders()
  const work = mkdtempSync(path.join(cache, 'building-'))
  try {
    await step(`download ${wheel.name} ${TENSORFLOW} (about 270 MB)`, () => download(python, work, wheel))
    await step('unpack libtensorflow (about 1.2 GB)', () => unpack(python, work))
    await step('compile the addon', () => compile(work, nodeFolder))
    rmSync(path.join(work, 'build'), { recursive: true, force: true })
    publish(work, home)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Another checkout may have finished first; its folder is as good as ours. */
function publish(work, home) {
  try {
    renameSync(work, home)
  } catch (error) {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
  }
}

function findPython() {
  for (const python of ['python3', 'python']) {
    if (spawnSync(python, ['-m', 'pip', '--version']).status === 0) return python
  }
  return fail('Python 3 with pip is needed to fetch libtensorflow. Debian: apt-get install python3-pip.')
}

function requireCompiler() {
  for (const tool of ['make', process.env.CXX || 'g++']) {
    if (spawnSync(tool, ['--version']).status !== 0)
      fail(`A C++ compiler and make are needed (${tool} was not found). Debian: apt-get install build-essential.`)
  }
}

function requireNodeHeaders() {
  const folder = path.resolve(path.dirname(process.execPath), '..')
  if (!existsSync(path.join(folder, 'include/node/node_api.h'))) {
    fail(
      `The C headers of Node are not in ${path.join(folder, 'include/node')}. Install Node from its official archive, or your distribution's package with headers (Debian: libnode-dev).`,
    )
  }
  return folder
}

function requireSpace(folder) {
  const { bavail, bsize } = statfsSync(folder)
  const free = (bavail * bsize) / GIB
  if (free < 2)
    fail(
      `${folder} has ${free.toFixed(1)} GB free; the engine needs about 2 GB while it is built and 1.2 GB after. Free space or set ESPALIER_CACHE to another folder.`,
    )
}

function download(python, work, wheel) {
  const requirements = path.join(work, 'requirements.txt')
  writeFileSync(requirements, `${wheel.name}==${TENSORFLOW} --hash=sha256:${wheel.sha256}\n`)
  const target = [
    '--only-binary=:all:',
    '--python-version',
    '3.11',
    '--implementation',
    'cp',
    '--abi',
    'cp311',
    '--platform',
    wheel.platform,
  ]
  run(
    python,
    [
      '-m',
      'pip',
      'download',
      '--no-deps',
      '--require-hashes',
      ...target,
      '-d',
      path.join(work, 'wheel'),
      '-r',
      requirements,
    ],
    `pip could not download ${wheel.name} ${TENSORFLOW}: check the network and the index that pip uses, and that pip is version 20.3 or later.`,
  )
}

const UNPACK = `
import glob, os, shutil, sys, zipfile
work = sys.argv[1]
wheel, = glob.glob(os.path.join(work, 'wheel', '*.whl'))
headers = tuple('tensorflow/include/' + p for p in ('tensorflow/c/', 'tensorflow/core/platform/', 'tsl/', 'xla/tsl/'))
with zipfile.ZipFile(wheel) as z:
    for name in z.namelist():
        if name.startswith(headers): target = os.path.join(work, 'deps', 'include', name[len('tensorflow/include/'):])
        elif name in ('tensorflow/libtensorflow_cc.so.2', 'tensorflow/libtensorflow_framework.so.2'): target = os.path.join(work, 'deps', 'lib', os.path.basename(name))
        else: continue
        if name.endswith('/'): continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with z.open(name) as source, open(target, 'wb') as sink: shutil.copyfileobj(source, sink, 1 << 20)
shutil.rmtree(os.path.join(work, 'wheel'))
`

function unpack(python, work) {
  run(python, ['-c', UNPACK, work], 'The wheel could not be unpacked (is the disk full?).')
  symlinkSync('libtensorflow_cc.so.2', path.join(work, 'deps/lib/libtensorflow.so'))
  symlinkSync('libtensorflow_framework.so.2', path.join(work, 'deps/lib/libtensorflow_framework.so'))
}

function compile(work, nodeFolder) {
  for (const name of ['binding', 'binding.gyp', 'package.json'])
    cpSync(path.join(packageFolder, name), path.join(work, name), { recursive: true })
  const gyp = path.join(root, 'node_modules/node-gyp/bin/node-gyp.js')
  const settings = ['--module_name=tfjs_binding', '--module_path=./lib/napi-v8', '--napi_build_version=8']
  run(
    process.execPath,
    [gyp, 'rebuild', `--nodedir=${nodeFolder}`, ...settings],
    'The addon of tfjs-node-gpu does not compile.',
    {},
    work,
  )
  const built = path.join(work, 'build/Release/tfjs_binding.node')
  mkdirSync(path.join(work, 'lib/napi-v8'), { recursive: true })
  cpSync(built, path.join(work, 'lib/napi-v8/tfjs_binding.node'))
}

function isLinkTo(file, target) {
  return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true && readlinkSync(file) === target
}

/** Loads the engine once, so that a library that cannot be used is found now and not by the first job. */
function link(addon, home) {
  mkdirSync(path.dirname(addonLink), { recursive: true })
  rmSync(addonLink, { force: true })
  symlinkSync(addon, addonLink)
  const check = `const tf = require('@tensorflow/tfjs-node-gpu'); if (tf.add(1, 2).dataSync()[0] !== 3) process.exit(1)`
  // Node 23 removed two helpers that tfjs-node calls.
  const helpers = `const util = require('util'); util.isNullOrUndefined ??= (v) => v == null; util.isArray ??= Array.isArray;`
  try {
    run(
      process.execPath,
      ['-e', helpers + check],
      `The engine in ${home} does not load. Delete that folder and run the set-up again to build it anew.`,
      { TF_CPP_MIN_LOG_LEVEL: '3' },
    )
  } catch (error) {
    // A link that stayed would let the next set-up take the engine for checked.
    rmSync(addonLink, { force: true })
    throw error
  }
}
