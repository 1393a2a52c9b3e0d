import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** A Python that has these modules: that of the benchmark's peers, or the one on the PATH; null if neither has them all. */
export function pythonWith(...modules: readonly string[]): string | null {
  const code = `import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in ${JSON.stringify(modules)}))`
  const candidates = ['.venv-peers/bin/python', 'python3'].filter(
    (python) => !python.includes('/') || existsSync(python),
  )
  return candidates.find((python) => spawnSync(python, ['-c', code]).status === 0) ?? null
}
