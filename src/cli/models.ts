import path from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import type { UploadedModel } from '../contracts/model-upload.js'
import { clientFor, print } from './jobs.js'
import { addTargetOptions, integer } from './options.js'
import { readInput } from './read-input.js'
import { formatTable } from './table.js'
import type { TargetFlags } from './target.js'

interface ModelFlags extends TargetFlags {
  readonly data?: string
  readonly json?: true
}

export function addModels(program: Command): void {
  const models = program.command('models').description('upload, list and delete finished models')

  addTargetOptions(
    models
      .command('upload')
      .description('upload a finished model and print its id, for `model: {"kind": "artifact", "modelId": …}`')
      .argument('<file>', '.keras, TensorFlow.js in a zip, or safetensors'),
  )
    .option('--topology <file>', 'of safetensors: the layers as JSON, or what `model.to_json()` of Keras gives')
    .option('--name <name>', 'default: the name of the file')
    .option('--json', 'print the model as JSON')
    .action(upload)

  addTargetOptions(models.command('list').description('the newest models'))
    .option('--limit <count>', 'how many', integer(1, 200), 50)
    .option('--cursor <cursor>', 'where to go on: what the page before named')
    .option('--json', 'print the page as JSON')
    .action(async (flags: ModelFlags & { limit: number; cursor?: string }) => {
      const page = await (await clientFor(flags)).models({ limit: flags.limit, cursor: flags.cursor })
      if (flags.json) return print(JSON.stringify(page))
      print(modelTable(page.data))
      if (page.nextCursor) process.stderr.write(`there are more: --cursor ${page.nextCursor}\n`)
    })

  addTargetOptions(
    models
      .command('delete')
      .description('delete a model that no unfinished job starts from')
      .argument('<id>', 'model id', modelId),
  ).action(async (id: string, flags: ModelFlags) => {
    await (await clientFor(flags)).deleteModel(id)
    print(`${id} deleted`)
  })
}

async function upload(file: string, flags: ModelFlags & { topology?: string; name?: string }): Promise<void> {
  const bytes = await readInput(file)
  const topology = flags.topology === undefined ? undefined : (await readInput(flags.topology)).toString()
  const model = await (await clientFor(flags)).uploadModel(
    { name: path.basename(file), bytes },
    { ...(flags.name !== undefined && { name: flags.name }), ...(topology !== undefined && { topology }) },
  )
  print(flags.json ? JSON.stringify(model) : model.id)
}

export function modelTable(models: readonly UploadedModel[]): string {
  const rows = models.map(({ id, format, parameters, bytes, name }) => [id, format, `${parameters}`, `${bytes}`, name])
  return formatTable(
    [['id', 'format', 'parameters', 'bytes', 'name'], ...rows],
    ['left', 'left', 'right', 'right', 'left'],
  )
}

function modelId(text: string): string {
  if (!/^mdl_[0-9a-f-]{36}$/.test(text)) throw new InvalidArgumentError('A model id begins with mdl_.')
  return text
}
