import { INPUT } from '../layers/connect.js'

const LONGEST = 64

/** Names that our pattern allows, for names of Keras: each its own, and none that of the examples. */
export function makeNaming(): (kerasName: string) => string {
  const taken = new Set<string>([INPUT])
  return (kerasName) => {
    const clean = kerasName.replace(/[^A-Za-z0-9_-]+/g, '-').replace(/^[_-]+/, '')
    const base = clean.slice(0, LONGEST) || 'layer'
    let name = base
    for (let count = 2; taken.has(name); count++) name = `${base.slice(0, LONGEST - 5)}-${count}`
    taken.add(name)
    return name
  }
}
