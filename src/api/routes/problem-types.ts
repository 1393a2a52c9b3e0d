import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { CATALOGUE } from '../../errors.js'
import { anchorOf, PROBLEM_TYPES_PATH } from '../problem-type.js'

/** The page that `type` of every problem points to. The catalogue is our own text, so nothing in it needs escaping. */
export const problemTypeRoutes: FastifyPluginAsyncTypebox = async (app) => {
  app.get(PROBLEM_TYPES_PATH, { schema: { hide: true } }, async (_, reply) => reply.type('text/html').send(PAGE))
}

const ROWS = Object.entries(CATALOGUE).map(([code, { status, title, retryable }]) => {
  const again = retryable ? 'yes' : 'no'
  return `<tr id="${anchorOf(code)}"><td><code>${code}</code></td><td>${status}</td><td>${title}</td><td>${again}</td></tr>`
})

const PAGE = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Espalier: problems</title>
<style>body{font:16px/1.5 system-ui;margin:2rem}td,th{text-align:left;padding:.2rem 1rem .2rem 0}tr:target{background:#ffd}</style>
<h1>Problems</h1>
<p>Errors come as <code>application/problem+json</code> (RFC 9457). <code>code</code> is stable; <code>errors</code> points to the fields at fault.
Codes of failed jobs stand in <code>failure.code</code>.</p>
<table><tr><th>code<th>status<th>meaning<th>the same request may succeed later</tr>
${ROWS.join('\n')}
</table></html>
`
