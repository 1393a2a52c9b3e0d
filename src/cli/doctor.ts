import type { Command } from 'commander'
import { ConfigError, loadConfig } from '../config.js'
import { type Check, runChecks } from './checks.js'
import { print } from './jobs.js'
import { formatTable } from './table.js'

interface DoctorFlags {
  readonly data?: string
  readonly json?: true
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check engine, database, queue and store; says what is wrong and how to fix it, exit code 1 then')
    .option('--data <folder>', 'data folder (ESPALIER_DATA; default .espalier)')
    .option('--json', 'print {ok, checks} as JSON')
    .action(doctor)
}

async function doctor(flags: DoctorFlags): Promise<void> {
  const checks = await diagnose(flags.data)
  const ok = checks.every((check) => check.ok)
  if (flags.json) print(JSON.stringify({ ok, checks }))
  else {
    print(
      formatTable(
        checks.map(({ name, ok, detail }) => [name, ok ? 'ok   ' : 'WRONG', detail]),
        ['left', 'left', 'left'],
      ),
    )
    const fixes = checks.flatMap(({ name, fix }) => (fix ? [`${name}: ${fix}`] : []))
    for (const fix of new Set(fixes)) print(`\n${fix}`)
  }
  if (!ok) process.exitCode = 1
}

async function diagnose(dataFolder: string | undefined): Promise<Check[]> {
  try {
    return await runChecks(loadConfig(undefined, { dataFolder }))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map((problem) => ({
      name: 'configuration',
      ok: false,
      detail: problem,
      fix: 'correct the environment variables',
    }))
  }
}
