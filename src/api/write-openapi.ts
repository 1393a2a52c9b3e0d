import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describeApi } from './describe-api.js'

// The compiled file lies in dist/src/api.
const file = fileURLToPath(new URL('../../../openapi.yaml', import.meta.url))
await writeFile(file, await describeApi())
process.stdout.write(`wrote ${file}\n`)
