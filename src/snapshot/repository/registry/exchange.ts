import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Connections } from './trust.ts'

/** Bytes of a blob, counted from its begin. */
export interface Span {
  offset: number
  length: number
}

export interface Question {
  method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  url: URL
  headers: Record<string, string>
  body?: Buffer
  /** Without a byte for so long, it is given up. */
  silenceMs: number
  /** An answer with a longer body is given up. */
  maxBytes: number
  /** What is wanted of the body, where a server sends all of it though it was asked for this part. */
  span?: Span
  signal?: AbortSignal | undefined
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

/** Asks once and reads the whole answer. @throws the system's error when the connection fails, RangeError for a body too long. */
export async function exchange(connections: Connections, question: Question): Promise<Answer> {
  const { body, headers, method, silenceMs, signal, url } = question
  const options: RequestOptions = {
    method,
    agent: await connections.agentFor(url),
    headers: { ...headers, ...(body ? { 'content-length': String(body.length) } : {}) },
    ...(signal ? { signal } : {}),
  }
  const request = (url.protocol === 'http:' ? httpRequest : httpsRequest)(url, options)
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.on('error', reject)
    request.setTimeout(silenceMs, () => {
      request.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }))
    })
    request.end(body)
  })
  const { statusCode: status = 0 } = response
  const span = status === 200 ? question.span : undefined
  return { status, headers: response.headers, body: await collect(response, question.maxBytes, span) }
}

async function collect(response: IncomingMessage, maxBytes: number, span: Span | undefined): Promise<Buffer> {
  const pieces: Buffer[] = []
  let at = 0
  let kept = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const from = span ? Math.max(0, span.offset - at) : 0
    const piece = chunk.subarray(from, span ? Math.max(from, span.offset + span.length - at) : undefined)
    at += chunk.length
    kept += piece.length
    if (kept > maxBytes) throw new RangeError('an answer is longer than it can be')
    if (piece.length > 0) pieces.push(piece)
    // What follows is not wanted: leaving the loop ends the connection.
    if (span && at >= span.offset + span.length) break
  }
  return Buffer.concat(pieces, kept)
}
