import { type Static, Type } from 'typebox'

/** What has to be equal for a run to repeat bit for bit. */
export const EnginePins = Type.Object(
  {
    tensorflow: Type.String({ examples: ['2.21.0'] }),
    device: Type.Enum(['cpu', 'gpu']),
    intraOpThreads: Type.Integer({ description: 'Threads of one operation' }),
    oneDnn: Type.Boolean({ description: 'Kernels of oneDNN are in use' }),
    xla: Type.Boolean({ description: 'Steps are compiled by XLA' }),
    seed: Type.Integer({ description: 'Of the spec' }),
  },
  { additionalProperties: false },
)
export type EnginePins = Static<typeof EnginePins>
