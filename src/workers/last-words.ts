const LONGEST = 300
/** Lines of a stack, and what Node and C++ put around an error. */
const AROUND = [/^\s+at /, /^Node\.js v/, /^\s*\^+\s*$/, /^\s*[{}\]]/, /^\s/, /^(file:\/\/|\/)\S+:\d+$/]
/** A path in quotes goes as far as they do: a folder may have blanks in its name. */
const QUOTED = /(['"])(?:file:\/\/)?\/[^'"\n]*\/[^'"\n]*\1/g
/** Of the object store. */
const KEY = /(?<![\w/.])(?:jobs|datasets)\/(?:job|ds)_[\w.-]+(?:\/[\w.-]+)*/g
const PATH = /(?:file:\/\/)?(?<![\w:/.])\/[\w.@+~-]+(?:\/[\w.@+~-]*)+(?::\d+)*/g

/**
 * The one line of a dying trainer's output that says why, without folders of the server: it becomes part of events and
 * failures. The whole output is in the log of the worker.
 */
export function lastWords(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  const telling = lines.filter((line) => !AROUND.some((pattern) => pattern.test(line)))
  return withoutPaths((telling.at(-1) ?? '').trim()).slice(0, LONGEST)
}

/** Without folders of the server and keys of its object store. */
export function withoutPaths(text: string): string {
  return text.replace(QUOTED, '$1…$1').replace(PATH, '…').replace(KEY, '…')
}
