import { describe, expect, it } from 'vitest'
import { lastWords } from '../../src/workers/last-words.js'
import { storeFault } from '../../src/workers/store-fault.js'

describe('the last words of a trainer', () => {
  it.each([
    [
      'an error with its stack',
      "Error: ENOENT: no such file, open '/srv/app/objects/a.bin'\n    at open (node:fs:1:2)\n    at /srv/app/dist/x.js:3:4\n",
      "Error: ENOENT: no such file, open '…'",
    ],
    [
      'what Node says before it ends',
      'file:///srv/app/dist/x.js:10\n    throw new Error("boom")\n    ^\n\nError: boom\n    at file:///srv/app/dist/x.js:10:5\n\nNode.js v20.20.0\n',
      'Error: boom',
    ],
    [
      'TensorFlow that gives up',
      '2026-11-24 06:00:01.0: F tensorflow/core/x.cc:1] Check failed: memory\n',
      '2026-11-24 06:00:01.0: F tensorflow/core/x.cc:1] Check failed: memory',
    ],
    [
      'an inspected error, then its message',
      'Error: no\n    at x (/a/b.js:1:1) {\n  [cause]: Error: why\n      at y (/a/c.js:1:1)\n}\nno: see /var/lib/espalier/objects\n',
      'no: see …',
    ],
    [
      'a folder with a blank',
      'Error: open \'/srv/my data/objects/a.bin\' and "/srv/x y/z"\n',
      'Error: open \'…\' and "…"',
    ],
    [
      'an object of the store',
      'no object jobs/job_01979f4e-8f43-7b1c-a3a0-1f2d3c4b5a69/1/checkpoint-500.safetensors, nor datasets/ds_1.safetensors\n',
      'no object …, nor …',
    ],
    ['what only looks like one', 'POST /v1 or a/b: jobs/second', 'POST /v1 or a/b: jobs/second'],
    ['nothing', '', ''],
  ])('are one line without folders, of %s', (_, output, expected) => {
    expect(lastWords(output)).toBe(expected)
  })
})

it('says what a full disk is', () => {
  const error = Object.assign(new Error("ENOSPC: no space left on device, write '/srv/x'"), { code: 'ENOSPC' })
  expect(storeFault('the artifact weights.safetensors', error).message).toBe(
    'the object store did not take the artifact weights.safetensors: the disk is full (ENOSPC)',
  )
})
