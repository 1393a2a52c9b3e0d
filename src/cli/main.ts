#!/usr/bin/env node
import { Command } from 'commander'
import { VERSION } from '../version.js'
import { addDemo } from './demo.js'
import { addDoctor } from './doctor.js'
import { addJobs } from './jobs.js'
import { addKeys } from './keys.js'
import { addModels } from './models.js'
import { addApi, addWorker } from './processes.js'
import { runProgram } from './run-program.js'
import { addServe } from './serve.js'
import { addSubmit } from './submit.js'
import { addVerify } from './verify.js'

const program = new Command('espalier')
  .description('Training service: gradient clipping and pruning of neural networks over HTTP')
  .version(VERSION)
  .showHelpAfterError('(--help shows what is possible)')
  .exitOverride()

for (const add of [addServe, addApi, addWorker, addSubmit, addJobs, addModels, addKeys, addDemo, addDoctor, addVerify])
  add(program)

await runProgram(program)
