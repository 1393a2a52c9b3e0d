const SHORTEST_BEGINNING = 3
/** No name is longer; comparing letters takes time in proportion to the length of both. */
const LONGEST = 60
/** So many letters may have one slip. */
const LETTERS_A_SLIP = 3

/**
 * The one of `names` that was probably meant by `given`: the same in another spelling (`mean_squared_error`), by its initials (`mse`), cut
 * short (`acc`), or with a slip for every three letters (`adma`). Null: none is near.
 */
export function nearestName(given: string, names: readonly string[]): string | null {
  if (given.length > LONGEST) return null
  const word = plain(given)
  const isMeant: ((name: string) => boolean)[] = [
    (name) => plain(name) === word,
    (name) => word.length > 1 && initials(name) === word,
    (name) => word.length >= SHORTEST_BEGINNING && plain(name).startsWith(word),
    (name) => slips(word, plain(name)) <= word.length / LETTERS_A_SLIP,
  ]
  for (const test of isMeant) {
    const found = names.find(test)
    if (found !== undefined) return found
  }
  return null
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/** Of `mean-squared-error` and of `learningRate`; crossentropy counts as two words. */
function initials(name: string): string {
  const words = name.replace('crossentropy', 'cross-entropy').split(/-|(?=[A-Z])/)
  return words.map((word) => word.charAt(0).toLowerCase()).join('')
}

/**
 * Letters to insert, drop, replace, or swap with their neighbour.
 * @see Damerau, "A technique for computer detection and correction of spelling errors", 1964.
 */
function slips(one: string, other: string): number {
  const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number) => rows[row]?.[column] ?? 0
  for (let i = 1; i <= one.length; i++) {
    rows[i] = [i]
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1]
      const isSwapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      const swapped = isSwapped ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY
      rows[i]?.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (isSame ? 0 : 1), swapped))
    }
  }
  return at(one.length, other.length)
}
