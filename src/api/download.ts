import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Artifact } from '../contracts/artifact.js'
import { problem } from '../errors.js'
import type { ObjectStore } from '../storage/object-store.js'
import { type RangeAnswer, resolveRange } from './byte-range.js'
import { matchesAnyTag } from './entity-tags.js'

type StoredFile = Pick<Artifact, 'name' | 'mediaType' | 'bytes' | 'sha256'> & { readonly key: string }

/**
 * Sends an object, or the part of it that `Range` asks for. Objects never change, so the hash of the content is the ETag.
 * @throws RANGE_UNSATISFIABLE
 * @see RFC 9110, 13 and 14; RFC 9530 (Repr-Digest is of the whole file, whatever part is sent)
 */
export async function sendObject(
  store: Pick<ObjectStore, 'stream'>,
  file: StoredFile,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const tag = `"${file.sha256}"`
  reply.headers({ etag: tag, 'accept-ranges': 'bytes', 'cache-control': 'private, no-cache' })
  if (matchesAnyTag(request.headers['if-none-match'], tag)) return reply.code(304).send()

  const range = rangeOf(request, tag, file.bytes)
  if (range.kind === 'unsatisfiable') {
    reply.header('content-range', `bytes */${file.bytes}`)
    throw problem('RANGE_UNSATISFIABLE', `the file has ${file.bytes} bytes`)
  }
  const part = range.kind === 'part' ? { start: range.start, end: range.end } : undefined
  // Opened before any header of success is set: a missing object is an error of its own.
  const body = request.method === 'HEAD' ? Readable.from([]) : await store.stream(file.key, part)
  if (part) reply.code(206).header('content-range', `bytes ${part.start}-${part.end}/${file.bytes}`)
  return reply
    .headers({
      'content-type': file.mediaType,
      'content-length': part ? part.end - part.start + 1 : file.bytes,
      'content-disposition': dispositionOf(file.name),
      'repr-digest': `sha-256=:${Buffer.from(file.sha256, 'hex').toString('base64')}:`,
    })
    .send(body)
}

/** `If-Range` compares strongly; a date never matches, for no Last-Modified was sent. */
function rangeOf({ method, headers }: FastifyRequest, tag: string, size: number): RangeAnswer {
  const condition = headers['if-range']
  if (method !== 'GET' || (condition !== undefined && condition !== tag)) return { kind: 'whole' }
  return resolveRange(headers.range, size)
}

/** Quoted when the name is plain, else encoded (RFC 6266, RFC 8187). */
function dispositionOf(name: string): string {
  if (/^[A-Za-z0-9._ -]+$/.test(name)) return `attachment; filename="${name}"`
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename*=UTF-8''${encoded}`
}
