/** What an API key may be allowed to do; every route below /v1 asks for one. */
export const SCOPES = ['datasets:read', 'datasets:write', 'jobs:read', 'jobs:write'] as const
/** One of the scopes of an API key. */
export type Scope = (typeof SCOPES)[number]
