import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { JobEvent } from '../../contracts/event.js'
import { Page, PageQuery } from '../../contracts/page.js'
import type { TrainingJob } from '../../contracts/training-job.js'
import type { AppContext } from '../context.js'
import { MAX_SEQUENCE, pageOfEvents, positionOf } from '../event-page.js'
import { isOver, streamEvents } from '../event-stream.js'
import { findJob, JobParams } from '../job-lookup.js'
import { problems } from '../responses.js'

const EventsQuery = Type.Object({
  ...PageQuery,
  after: Type.Optional(
    Type.Integer({ minimum: 0, maximum: MAX_SEQUENCE, description: 'Only events with a higher sequence' }),
  ),
})
const EventsHeaders = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({ maxLength: 100, description: 'For streams: the id of the last event that was seen' }),
  ),
})

export const eventRoutes: FastifyPluginAsyncTypebox = async (app) => {
  const { jobLog } = app.context

  app.get(
    '/v1/training-jobs/:id/events',
    {
      schema: {
        operationId: 'listJobEvents',
        summary: 'What happened to a job: a page, or with `Accept: text/event-stream` a stream until its end',
        description:
          'The stream replays the events after `Last-Event-ID` (or `after`) and goes on live. Besides, it sends `progress` events, which have no id and are not replayed.',
        tags: ['training-jobs'],
        params: JobParams,
        querystring: EventsQuery,
        headers: EventsHeaders,
        response: {
          200: {
            description: 'Events in order of their sequence',
            content: {
              'application/json': { schema: Page(JobEvent) },
              'text/event-stream': { schema: Type.String() },
            },
          },
          204: Type.Null({ description: 'Stream: the job has ended and there is nothing after the last event seen' }),
          ...problems(400, 404),
        },
      },
      config: { scope: 'jobs:read' },
    },
    async (request, reply) => {
      const job = await findJob(app.context, request.projectId, request.params.id)
      const after = positionOf(request.query, request.headers['last-event-id'])
      if (wantsStream(request)) return sendStream(app.context, request, reply, job, after)
      return pageOfEvents(await jobLog.events(job.id, after, request.query.limit + 1), request.query.limit)
    },
  )
}

function wantsStream({ method, headers }: FastifyRequest): boolean {
  return method === 'GET' && /(^|[,\s])text\/event-stream/i.test(headers.accept ?? '')
}

async function sendStream(
  context: AppContext,
  request: FastifyRequest,
  reply: FastifyReply,
  job: TrainingJob,
  after: number,
): Promise<FastifyReply> {
  const { jobLog, trainingJobs, closing, streamTimings } = context
  // 204 tells an EventSource that comes back after the end to stay away.
  if (isOver(job) && (await jobLog.events(job.id, after, 1)).length === 0) return reply.code(204).send(null)
  const left = new AbortController()
  reply.raw.once('close', () => left.abort())
  const source = {
    job: () => trainingJobs.get(request.projectId, job.id),
    events: (sequence: number, limit: number) => jobLog.events(job.id, sequence, limit),
  }
  const stream = streamEvents(source, after, streamTimings, AbortSignal.any([left.signal, closing]))
  return (
    reply
      .type('text/event-stream; charset=utf-8')
      // The connection ends with the stream: kept alive, it would hold up a service that closes.
      .headers({ 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no', connection: 'close' })
      .send(Readable.from(stream))
  )
}
