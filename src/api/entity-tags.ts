/** Whether an `If-None-Match` header names the entity tag. Weak comparison (RFC 9110, 13.1.2). */
export function matchesAnyTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((candidate) => candidate.trim() === '*' || candidate.trim().replace(/^W\//, '') === tag)
}
