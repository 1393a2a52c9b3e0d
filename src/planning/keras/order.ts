import { excerpt, inside, problemAt } from './json.js'
import type { KerasNode, Topology } from './topology.js'

/**
 * The layers so that each comes after those that it takes; else as they stand, but for the output, which comes last.
 * @throws SPEC_INVALID at names that are used twice or not at all, at circles, and at layers that the output does not need.
 */
export function inOrder({ nodes, inputName, outputName }: Topology): KerasNode[] {
  if (outputName === undefined) return [...nodes]
  const byName = new Map<string, KerasNode>()
  for (const node of nodes) {
    if (byName.has(node.name) || node.name === inputName)
      throw problemAt(inside(node.place, 'name'), `another layer is called ${excerpt(node.name)} already`)
    byName.set(node.name, node)
  }
  const missing = new Map<string, number>()
  const users = new Map<string, KerasNode[]>()
  for (const node of nodes) {
    const wanted = (node.inputs ?? []).filter((name) => name !== inputName)
    for (const name of wanted) {
      if (!byName.has(name))
        throw problemAt(
          inside(node.place, 'inbound_nodes'),
          `takes ${excerpt(name)}, and there is no layer of that name`,
        )
      users.set(name, [...(users.get(name) ?? []), node])
    }
    missing.set(node.name, wanted.length)
  }
  const ready = nodes.filter(({ name }) => missing.get(name) === 0)
  // Grows while it is walked; each layer enters when the last of its inputs has come.
  for (const { name } of ready)
    for (const user of users.get(name) ?? []) {
      const left = (missing.get(user.name) ?? 0) - 1
      missing.set(user.name, left)
      if (left === 0) ready.push(user)
    }
  const stuck = nodes.find(({ name }) => (missing.get(name) ?? 0) > 0)
  if (stuck) throw problemAt(inside(stuck.place, 'inbound_nodes'), 'the layers take each other in a circle')
  const idle = nodes.find(({ name }) => name !== outputName && !users.has(name))
  if (idle) throw problemAt(idle.place, `layer ${excerpt(idle.name)} leads nowhere: the output does not need it`)
  const output = byName.get(outputName)
  if (output === undefined || users.has(outputName))
    throw problemAt(
      { pointer: '/model/topology/config/output_layers' },
      output ? `other layers take the output ${excerpt(outputName)}` : `there is no layer ${excerpt(outputName)}`,
    )
  return ready
}
