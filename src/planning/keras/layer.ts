import { CLASSES } from './classes.js'
import { excerpt, inside, isJson, type Json, member, type Place, problemAt } from './json.js'
import { COMMON, ignored, type Keys, noPenalty, only, REFUSED_SUFFIX, type Translate } from './keys.js'

const WRAPPERS = ['Bidirectional', 'TimeDistributed']
const MERGE_MODES = new Map<unknown, string>([
  ['concat', 'concat'],
  ['sum', 'sum'],
  ['mul', 'multiply'],
  ['ave', 'average'],
])

/**
 * One layer as our contract has it, without name and inputs; `place` is that of `value`, an object with `class_name` and `config`.
 * @throws SPEC_INVALID, with a pointer to the class or the key at fault.
 */
export function layerOf(value: unknown, place: Place): Json {
  const className = classNameOf(value, place)
  const config = configOf(value, place)
  const at = inside(place, 'config')
  if (className === 'Bidirectional') return { type: 'bidirectional', ...translate(config, at, bidirectional(config)) }
  if (className === 'TimeDistributed') return { type: 'time-distributed', ...translate(config, at, { layer: wrapped }) }
  const known = CLASSES.get(className)
  if (known === undefined) throw problemAt(inside(place, 'class_name'), unknown(className))
  return { type: known.type, ...translate(config, at, known.keys) }
}

/** @throws SPEC_INVALID unless it is a class that comes with Keras. */
export function classNameOf(value: unknown, place: Place): string {
  const className = member(value, 'class_name')
  if (typeof className !== 'string')
    throw problemAt(inside(place, 'class_name'), 'is required: the class of a Keras object')
  const registered = member(value, 'registered_name') ?? className
  if (registered !== className)
    throw problemAt(
      inside(place, 'registered_name'),
      `${excerpt(registered)} is a class of your own, whose code is not here; ${REMEDY}`,
    )
  const module = member(value, 'module') ?? 'keras'
  if (typeof module !== 'string' || !/^(tf_)?keras(\.|$)/.test(module))
    throw problemAt(inside(place, 'module'), `${excerpt(module)} is not part of Keras; ${REMEDY}`)
  return className
}

export function configOf(value: unknown, place: Place): Json {
  const config = member(value, 'config')
  if (!isJson(config)) throw problemAt(inside(place, 'config'), 'is required: an object')
  return config
}

const REMEDY = 'build that part from layers that Keras has'

function unknown(className: string): string {
  if (className === 'Lambda') return `a Lambda layer holds code, which is never run here; ${REMEDY}`
  if (className === 'Sequential' || className === 'Functional' || className === 'Model')
    return 'a model within a model is not supported; put its layers in its place'
  return `${excerpt(className)} is not supported; there are: ${[...CLASSES.keys(), ...WRAPPERS].join(', ')}`
}

function translate(config: Json, place: Place, keys: Keys): Json {
  const fields = Object.entries(config).map(([key, value]) => {
    const at = inside(place, key)
    const entry = translatorOf(key, keys)
    if (entry === undefined)
      throw problemAt(at, `this key of the config is not supported; leave it out if its value is the default`)
    return entry(value, at)
  })
  return Object.assign({}, ...fields)
}

function translatorOf(key: string, keys: Keys): Translate | undefined {
  if (Object.hasOwn(keys, key)) return keys[key]
  if (Object.hasOwn(COMMON, key)) return COMMON[key]
  return REFUSED_SUFFIX.test(key) ? noPenalty : undefined
}

const wrapped: Translate = (value, place) => ({ layer: layerOf(value, place) })

const bidirectional = (config: Json): Keys => ({
  layer: wrapped,
  merge_mode: (value, place) => {
    const mergeMode = MERGE_MODES.get(value)
    if (mergeMode === undefined)
      throw problemAt(place, `is ${excerpt(value)}; there are: ${[...MERGE_MODES.keys()].join(', ')}`)
    return { mergeMode }
  },
  backward_layer: (value, place) => {
    if (value === null) return {}
    const { pointer } = place
    const forward = layerOf(member(config, 'layer'), { ...place, pointer: pointer.replace(/backward_layer$/, 'layer') })
    const { goBackwards = false, ...rest } = forward
    const expected = { ...rest, goBackwards: !goBackwards }
    if (canonical(layerOf(value, place)) !== canonical(expected))
      throw problemAt(place, 'must be the forward layer with go_backwards the other way round')
    return {}
  },
  num_constants: only(null, 0),
  zero_output_for_mask: ignored,
})

function canonical(layer: Json): string {
  return JSON.stringify(Object.entries(layer).sort(([one], [other]) => (one < other ? -1 : 1)))
}
