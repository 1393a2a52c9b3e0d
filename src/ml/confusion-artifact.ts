import type { DatasetSchema } from '../contracts/dataset.js'
import type { Evaluated } from './evaluate.js'
import type { Artifact } from './export.js'

/**
 * `confusion-matrix.json` of class labels: `classes`, their names, and for each split that was evaluated after the last step a square of row
 * counts, truth by decision; null for a split without rows. A file and not a part of the result, because it grows with the square of the classes.
 * Null: no class labels, or nothing was evaluated.
 */
export function confusionArtifact(
  { target }: DatasetSchema,
  { validation, test }: { readonly validation: Evaluated; readonly test: Evaluated },
): Artifact | null {
  if (target.kind !== 'classes' || (validation.confusion === null && test.confusion === null)) return null
  const file = {
    format: 'espalier-confusion-matrix',
    version: 1,
    classes: target.names,
    validation: validation.confusion,
    test: test.confusion,
  }
  const bytes = new TextEncoder().encode(`${JSON.stringify(file)}\n`)
  return { name: 'confusion-matrix.json', mediaType: 'application/json', bytes }
}
