/** Bytes that are not a file of the expected format. Callers turn it into the problem that fits: a dataset, a checkpoint, an artifact. */
export class FormatError extends Error {
  override readonly name = 'FormatError'
}
