import { Command } from 'commander'
import { print, say } from '../../src/cli/jobs.js'
import { integer } from '../../src/cli/options.js'
import { runProgram } from '../../src/cli/run-program.js'
import { addServiceOptions, type ServiceFlags, withService } from '../service.js'
import { EXPERIMENTS, SEEDS } from './experiments.js'
import { type ArmFigures, armFigures, type Trial } from './figures.js'
import { experimentTable, LEGEND } from './table.js'
import { runTrials } from './trials.js'

interface Flags extends ServiceFlags {
  readonly seed: number
  readonly json?: true
}

/** What `--json` prints, for each experiment. */
interface Outcome {
  readonly experiment: string
  readonly event: string
  readonly arms: readonly ArmFigures[]
  readonly trials: readonly Trial[]
}

const program = new Command('exploding')
  .description(
    'trains two networks with and without gradient clipping, through the service: exit code 1 if clipping does not decide',
  )
  .option('--seed <number>', `first of ${SEEDS} seeds`, integer(0, 2_000_000_000), 0)
  .option('--json', 'print the figures as one JSON line')
  .exitOverride()
addServiceOptions(program).action(run)

async function run(flags: Flags): Promise<void> {
  const began = performance.now()
  // What machines read has standard output to itself.
  const tell = flags.json ? say : print
  const seeds = Array.from({ length: SEEDS }, (_, place) => flags.seed + place)
  await withService(flags, async (client) => {
    const outcomes: Outcome[] = []
    for (const experiment of EXPERIMENTS) {
      const trials = await runTrials(client, experiment, seeds)
      const arms = armFigures(experiment, trials)
      outcomes.push({ experiment: experiment.name, event: experiment.event, arms, trials })
      tell(`\n${experimentTable(experiment, arms)}`)
    }
    const holds = outcomes.every(({ arms }) => arms.every((arm) => arm.holds))
    const seconds = (performance.now() - began) / 1000
    tell(`\n${LEGEND}\n`)
    tell(`${holds ? 'As expected.' : 'NOT as expected.'} ${seconds.toFixed(0)} s.`)
    if (flags.json) print(JSON.stringify({ holds, seconds, outcomes }))
    if (!holds) process.exitCode = 1
  })
}

await runProgram(program)
