import { type Command, Option } from 'commander'
import type { VerificationFiles } from '../ml/verify.js'
import type { Client } from './client.js'
import { EXIT, UsageError } from './exit-codes.js'
import { clientFor, jobId } from './jobs.js'
import { addTargetOptions } from './options.js'
import type { TargetFlags } from './target.js'

type Flags = TargetFlags & { readonly data?: string; readonly json?: true }

export function addVerify(program: Command): void {
  addTargetOptions(
    program
      .command('verify')
      .description(
        'compare the smaller network of a pruned job with the masked one once more, on this machine; exit code 0 if they give the same',
      )
      .argument('<id>', 'job id', jobId),
  )
    .addOption(new Option('--json', 'print the new certificate as JSON'))
    .action(async (id: string, flags: Flags) => {
      const files = await download(await clientFor(flags), id)
      // TensorFlow is loaded for this command alone.
      const { verify } = await import('../ml/verify.js')
      const { changedFiles, certificate } = verify(files)
      const holds = certificate.holds && changedFiles.length === 0
      if (flags.json) console.log(JSON.stringify({ holds, changedFiles, certificate }, null, 2))
      else console.log(describe(files, changedFiles, certificate))
      if (!holds) process.exitCode = EXIT.failed
    })
}

async function download(client: Client, id: string): Promise<VerificationFiles> {
  const names = new Set((await client.artifacts(id)).map(({ name }) => name))
  if (!names.has('certificate.json'))
    throw new UsageError(
      `job ${id} has no certificate: its network was not made smaller (pruning.compact), or it has not ended yet`,
    )
  const json = async (name: string) => JSON.parse(new TextDecoder().decode(await client.download(id, name)))
  return {
    // Written by the trainer.
    certificate: (await json('certificate.json')) as VerificationFiles['certificate'],
    report: (await json('report.json')) as VerificationFiles['report'],
    masked: await client.download(id, 'masked.safetensors'),
    compacted: await client.download(id, 'compacted.safetensors'),
    inputs: await client.download(id, 'certificate-inputs.safetensors'),
  }
}

function describe(
  { certificate: former }: VerificationFiles,
  changedFiles: readonly string[],
  certificate: VerificationFiles['certificate'],
): string {
  const show = (value: number) => value.toExponential(2)
  return [
    ...changedFiles.map((name) => `${name} is not the file that the certificate names`),
    `${certificate.rows} examples of the ${certificate.split} split, after ${certificate.step} updates`,
    `largest difference  ${show(certificate.largestDifference)} of the largest output (certificate: ${show(former.largestDifference)}; allowed: ${show(certificate.tolerance)})`,
    `changed predictions ${certificate.changedPredictions} (certificate: ${former.changedPredictions})`,
    certificate.holds && changedFiles.length === 0 ? 'it holds' : 'it does NOT hold',
  ].join('\n')
}
