import { CreateBuiltinDataset } from '../../contracts/dataset.js'
import { parse } from '../../contracts/parse.js'
import { loadBuiltin } from '../../datasets/builtin.js'
import type { DatasetDraft } from '../../datasets/draft.js'
import { problem } from '../../errors.js'
import { fieldProblem } from '../field-problem.js'

/**
 * A JSON body, which is absent when the request had none.
 * @throws REQUEST_INVALID, and what `loadBuiltin` throws
 */
export async function readBuiltin(body: unknown): Promise<DatasetDraft> {
  if (body === undefined)
    throw problem('REQUEST_INVALID', 'the body is empty: send JSON, or a form with a CSV or text file', [
      { pointer: '', detail: 'is required' },
    ])
  const parsed = parse(CreateBuiltinDataset, body)
  if (!parsed.ok) throw fieldProblem('REQUEST_INVALID', parsed.errors)
  return loadBuiltin(parsed.value.source, parsed.value.name)
}
