import { formatReport, runFolder, verdict } from './report.js'

// npm run test:reference -- FOLDER: prints a line a file and the names of what is not supported yet; exits 1 on a mismatch, and
// when nothing ran, so that a wrong path cannot look like success.
const folder = process.argv[2] ?? 'test/reference'
const reports = await runFolder(folder).catch((error: unknown) => {
  console.error(String(error))
  return []
})
for (const report of reports) console.log(formatReport(report))
const total = (pick: (report: (typeof reports)[number]) => number) =>
  reports.reduce((sum, report) => sum + pick(report), 0)
const failed = total(({ failures }) => failures.length)
console.log(`${total(({ passed }) => passed)} passed, ${failed} failed`)
const problem = verdict(reports)
if (problem !== null) {
  console.error(`${folder}: ${problem}`)
  process.exitCode = 1
}
