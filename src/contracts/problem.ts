import { type Static, Type } from 'typebox'

/** RFC 9457 problem details, with a stable `code` and JSON Pointers to the fields at fault. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'URI reference that names the kind of problem' }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: 'What happened here and how to fix it' }),
    instance: Type.String({ description: 'Path of the request' }),
    code: Type.String({ description: 'Stable UPPER_SNAKE code; a code is never reused', examples: ['SPEC_INVALID'] }),
    requestId: Type.String(),
    retryable: Type.Boolean({ description: 'Whether the same request may succeed later' }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.String({ description: 'JSON Pointer into the request body' }),
          detail: Type.String(),
        }),
      ),
    ),
  },
  { $id: 'Problem', description: 'application/problem+json (RFC 9457)' },
)
export type Problem = Static<typeof Problem>
