/** Places along channel axes that are to be kept or removed together, as a union–find forest. */
export interface UnitSpace {
  /** So many places that nothing ties together yet. */
  fresh(count: number): Int32Array
  /** They stay whatever happens; of several reasons the first counts. */
  pin(places: Int32Array, reason: string): void
  /** Ties one to the other, place by place; the lists have one length. */
  couple(one: Int32Array, other: Int32Array): void
  /** Numbers the sets of places from 0, in the order in which they were made. */
  resolve(): Resolution
}

export interface Resolution {
  readonly count: number
  /** The sets of these places. */
  of(places: Int32Array): Int32Array
  /** Why a set is never removed. */
  readonly pinned: ReadonlyMap<number, string>
}

export function makeUnitSpace(): UnitSpace {
  const parents: number[] = []
  const pins: (readonly [Int32Array, string])[] = []
  const rootOf = (place: number): number => {
    let at = place
    for (let parent = parents[at] ?? at; parent !== at; parent = parents[at] ?? at) {
      parents[at] = parents[parent] ?? parent
      at = parent
    }
    return at
  }
  return {
    fresh: (count) => Int32Array.from({ length: count }, () => parents.push(parents.length) - 1),
    pin: (places, reason) => {
      pins.push([places, reason])
    },
    couple(one, other) {
      one.forEach((place, index) => {
        const [a, b] = [rootOf(place), rootOf(other[index] ?? place)]
        parents[Math.max(a, b)] = Math.min(a, b)
      })
    },
    resolve() {
      const numbers = new Int32Array(parents.length)
      let count = 0
      // The root of a set is its first place, so it has its number before the others ask for it.
      parents.forEach((_, place) => {
        const root = rootOf(place)
        numbers[place] = root === place ? count++ : (numbers[root] ?? 0)
      })
      const of = (places: Int32Array) => places.map((place) => numbers[place] ?? 0)
      const pinned = new Map<number, string>()
      for (const [places, reason] of pins)
        for (const unit of of(places)) if (!pinned.has(unit)) pinned.set(unit, reason)
      return { count, of, pinned }
    },
  }
}
