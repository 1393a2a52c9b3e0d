// `npm test [-- vitest arguments]`: vitest, and as the last line `N passed, N failed[, N skipped]`. Exit code as vitest's own.
import process from 'node:process'
import { parseCLI, startVitest } from 'vitest/node'

const counts = { passed: 0, failed: 0, skipped: 0 }
const skipped = []

/** Counts tests, and files that could not be loaded as one failure each. */
const summary = {
  onTestRunEnd(modules, unhandledErrors) {
    for (const module of modules) {
      let tests = 0
      for (const test of module.children.allTests()) {
        const { state, note } = test.result()
        tests += 1
        if (state === 'skipped') skipped.push(note ? `${test.fullName}: ${note}` : test.fullName)
        counts[state === 'passed' || state === 'skipped' ? state : 'failed'] += 1
      }
      if (tests === 0 || module.errors().length > 0) counts.failed += 1
    }
    counts.failed += unhandledErrors.length
  },
}

const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)])
const vitest = await startVitest('test', filter, { ...options, watch: false, reporters: ['default', summary] })
await vitest.close()

if (skipped.length > 0) console.log(`Skipped:\n${skipped.map((name) => `  - ${name}`).join('\n')}`)
const tail = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
console.log(`${counts.passed} passed, ${counts.failed} failed${tail}`)
process.exit(counts.failed > 0 || process.exitCode ? 1 : 0)
