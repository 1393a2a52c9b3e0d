import type { Prisma } from './generated/client.js'

/** For a JSON column. Contract types are interfaces of plain JSON values, which TypeScript cannot see without an index signature. */
export function toJson(value: object): Prisma.InputJsonValue {
  return value as Prisma.InputJsonValue
}

/** From a JSON column that only `toJson` of a `T` is written to: the schema of the column is the contract of `T`. */
export function fromJson<T extends object>(value: Prisma.JsonValue): T {
  return value as T
}

export function fromJsonOrNull<T extends object>(value: Prisma.JsonValue | null): T | null {
  return value === null ? null : fromJson<T>(value)
}
