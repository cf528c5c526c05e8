import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { nextPage } from '../../../src/snapshot/repository/registry/tags.ts'
import { parseChallenge } from '../../../src/snapshot/repository/registry/tokens.ts'
import { RegistryRepository } from '../../../src/snapshot/repository/registry.ts'

const base = await mkdtemp(join(tmpdir(), 'wherry-client-'))
process.env.XDG_CACHE_HOME = base
process.env.DOCKER_CONFIG = base
t.teardown(() => rm(base, { recursive: true, force: true }))

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** A server that plays a registry; what was asked of it. */
async function registry(t: { teardown: (end: () => void) => void }, handler: Handler) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url?.replace('/v2/a/b/', '')}`)
    void handler(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { asked, host, repository: new RegistryRepository({ host, name: 'a/b' }, { plainHttp: true }) }
}

const damaged = { code: 'not-verified', exitCode: 8, message: /is damaged/ }

const digestOf = (content: Buffer) => `sha256:${createHash('sha256').update(content).digest('hex')}`
const answer = (response: ServerResponse, status: number, headers = {}, body: Buffer | string = '') =>
  void response.writeHead(status, headers).end(body)

t.test('ways to log in are read as they come', async (t) => {
  t.strictSame(
    parseChallenge('Bearer realm="https://a/t?x=1,2",service="s, of \\"a\\"",scope="repository:a:pull,push"'),
    {
      scheme: 'bearer',
      parameters: { realm: 'https://a/t?x=1,2', service: 's, of "a"', scope: 'repository:a:pull,push' },
    },
  )
  t.match(parseChallenge('Basic realm="x", Bearer realm="https://a"'), { scheme: 'bearer' })
  t.match(parseChallenge('BASIC realm=x'), { scheme: 'basic', parameters: { realm: 'x' } })
  t.equal(parseChallenge('Negotiate'), undefined)
  t.equal(nextPage('</v2/a/tags/list?n=2&last=b>; rel="next"'), '/v2/a/tags/list?n=2&last=b')
  t.equal(nextPage(''), undefined)
})

t.test('tags come in pages, and only ids are snapshots', async (t) => {
  const pages = [
    { tags: ['latest', '0123456789ab'], next: '/v2/a/b/tags/list?n=1000&last=x' },
    { tags: ['aaaaaaaaaaaa'], next: undefined },
  ]
  const { asked, repository } = await registry(t, ({ url }, response) => {
    if (!url?.includes('tags/list')) return answer(response, 404)
    const { next, tags } = pages[url.includes('last=') ? 1 : 0] ?? { next: undefined, tags: [] }
    answer(response, 200, next ? { link: `<${next}>; rel="next"` } : {}, JSON.stringify({ tags }))
  })
  t.strictSame(await repository.list(), [])
  t.strictSame(asked.slice(2).sort(), ['GET manifests/0123456789ab', 'GET manifests/aaaaaaaaaaaa'])
})

t.test('a registry that is busy is asked again when it says', async (t) => {
  let times = 0
  const { repository } = await registry(t, (_, response) => {
    times++
    if (times === 1) return answer(response, 429, { 'retry-after': '1' })
    if (times === 2) return answer(response, 503)
    if (times === 3) return void response.destroy()
    answer(response, 200, {}, JSON.stringify({ tags: null }))
  })
  const startedMs = performance.now()
  t.strictSame(await repository.list(), [])
  t.equal(times, 4)
  t.ok(performance.now() - startedMs > 1500, 'it waited')
})

t.test('a blob that is elsewhere is fetched without the login', async (t) => {
  const content = randomBytes(100_000)
  const seen: (string | undefined)[] = []
  const storage = await registry(t, ({ headers }, response) => {
    seen.push(headers.authorization)
    answer(response, 200, {}, content)
  })
  const { repository } = await registry(t, ({ headers }, response) => {
    if (headers.authorization !== 'Bearer abc') {
      const realm = `http://${headers.host}/token`
      return headers.host && response.req.url?.startsWith('/token')
        ? answer(response, 200, {}, '{"token":"abc"}')
        : answer(response, 401, { 'www-authenticate': `Bearer realm="${realm}",service="x"` })
    }
    answer(response, 307, { location: `http://${storage.host}/signed?x=y` })
  })
  const whole = await repository.read(digestOf(content))
  t.ok(whole.equals(content))
  const part = await repository.read(digestOf(content), 5000, 1000)
  t.ok(part.equals(content.subarray(5000, 6000)), 'also where a part is asked for and all is sent')
  t.strictSame(seen, [undefined, undefined])
})

t.test('a blob that is not what was asked for is not taken', async (t) => {
  const { repository } = await registry(t, ({ url }, response) => {
    answer(response, url?.includes('blobs') ? 200 : 404, {}, 'something else')
  })
  await t.rejects(repository.read(digestOf(Buffer.from('x'))), damaged)
  await t.rejects(repository.read(digestOf(Buffer.from('x')), 10, 100), damaged)
})

t.test('an upload goes on at the byte that the registry has', async (t) => {
  const content = randomBytes(20 << 20)
  let stored = Buffer.alloc(0)
  let breaks = 2
  const { asked, repository } = await registry(t, async (request, response) => {
    const location = { location: `/v2/a/b/blobs/uploads/1?at=${stored.length}` }
    const range = () => ({ ...location, range: `0-${Math.max(0, stored.length - 1)}` })
    if (request.method === 'POST') return answer(response, 202, location)
    if (request.method === 'GET') return answer(response, 204, range())
    if (request.method === 'PUT') return answer(response, digestOf(stored) === digestOf(content) ? 201 : 400)
    const from = Number(request.headers['content-range']?.split('-')[0])
    if (from !== stored.length) return answer(response, 416, range())
    if (breaks-- > 0) {
      // It keeps what it got when the connection breaks.
      request.once('data', (piece: Buffer) => {
        stored = Buffer.concat([stored, piece])
        response.destroy()
      })
      return
    }
    stored = Buffer.concat([stored, await buffer(request)])
    answer(response, 202, range())
  })
  const blob = { mediaType: 'x', digest: digestOf(content), size: content.length }
  let bytes = 0
  const read = async (_: string, offset = 0, length = 0) => content.subarray(offset, offset + length)
  const progress = (more: number) => {
    bytes += more
  }
  await repository.addFrom(blob, { name: 'here', read }, { progress })
  t.equal(bytes, content.length)
  t.equal(asked.filter((line) => line.startsWith('POST')).length, 1, 'it was begun once')

  stored = Buffer.alloc(0)
  const wrong = { ...blob, digest: digestOf(Buffer.from('x')) }
  const sent = repository.addFrom(wrong, { name: 'here', read }, { progress })
  await t.rejects(sent, { exitCode: 8, message: /in here is damaged/ })
  t.ok(
    asked.some((line) => line.startsWith('DELETE')),
    'and the upload is given up',
  )
})

t.test('what is not allowed is said in one line', async (t) => {
  const said = JSON.stringify({ errors: [{ code: 'DENIED', message: 'go\n\u001b[31maway' }] })
  let status = 403
  const { host, repository } = await registry(t, (_, response) => answer(response, status, {}, said))
  await t.rejects(repository.list(), {
    code: 'registry-denied',
    exitCode: 7,
    message: `Registry ${host}: you may not read from a/b.`,
  })
  status = 418
  await t.rejects(repository.list(), { message: `Registry ${host}: it answers with 418 (go [31maway).` })
  status = 405
  const manifest = { mediaType: 'x', digest: digestOf(Buffer.from('x')), size: 1 }
  await t.rejects(repository.unlist([{ id: 'x', createdAt: '', manifest }]), { code: 'delete-not-allowed' })
})
