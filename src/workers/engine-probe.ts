// Run in a short child process by engine-check.ts: loads TensorFlow, prints what it found as one JSON line, ends.
const { engineInfo } = await import('../ml/engine/info.js')
process.stdout.write(`${JSON.stringify(engineInfo())}\n`)
