import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { connectEngine } from '../../../src/engine/connect.ts'

const patience = { silenceMs: 100, pingMs: 200, requestMs: 1500 }

/** An engine that introduces itself and from then on does what `answer` does, which may be nothing. */
async function fakeEngine(
  t: Test,
  answer: (path: string, response: ServerResponse, request: IncomingMessage) => void,
) {
  const directory = mkdtempSync(join(tmpdir(), 'wherry-engine-'))
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/^\/v[\d.]+/, '')
    if (path === '/version') response.end(JSON.stringify({ Version: '1', ApiVersion: '1.45' }))
    else if (path === '/info') response.end('{}')
    else answer(path, response, request)
  })
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
    socket.on('error', () => {})
  })
  server.listen(join(directory, 's'))
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
    rmSync(directory, { recursive: true })
  })
  return connectEngine(`unix://${join(directory, 's')}`, patience)
}

t.test('an engine that no longer answers anything is given up, and named with what was done', async (t) => {
  const engine = await fakeEngine(t, () => {})
  for (const [what, request] of [
    ['inspecting container db', () => engine.containers.inspect('db')],
    ['stopping container db', () => engine.containers.stop('db', { timeoutSeconds: -1 })],
    ['pulling image:tag', () => engine.images.pull('image:tag')],
    ['saving image i', () => engine.images.save('i')],
  ] as const) {
    await t.rejects(request() as Promise<unknown> as Promise<void>, {
      code: 'engine-silent',
      exitCode: 7,
      message: new RegExp(`no sign of life .* while ${what}`),
    })
  }
})

t.test('an engine that takes its time is waited for', async (t) => {
  const engine = await fakeEngine(t, async (path, response) => {
    if (path !== '/_ping') await sleep(500)
    response.end(path === '/_ping' ? 'OK' : '{"Id":"x"}')
  })
  t.equal((await engine.containers.inspect('db'))?.Id, 'x')
})

t.test('one that is there and never answers a request is given up too', async (t) => {
  const engine = await fakeEngine(t, (path, response) => path === '/_ping' && response.end('OK'))
  await t.rejects(engine.containers.inspect('db'), {
    code: 'engine-stuck',
    message: /inspecting container db/,
  })
})

t.test('streams end with the reason when the engine is gone', async (t) => {
  const engine = await fakeEngine(t, (path, response) => {
    if (path === '/_ping') return
    response.writeHead(200)
    response.write(path.startsWith('/images/create') ? '{"status":"pulling"}\n' : 'tar')
  })
  const silent = { code: 'engine-silent' }
  await t.rejects(engine.images.pull('image:tag'), silent)
  const saved = await engine.images.save('i')
  await t.rejects(saved.toArray(), silent)
  const { stdout, stderr } = await engine.containers.attach('agent')
  stderr.on('error', () => {})
  await t.rejects(stdout.toArray(), { code: 'engine-silent', message: /attached to container agent/ })
})

t.test('a pull that is called off ends at once, before and after its first word', async (t) => {
  for (const speaks of [false, true]) {
    let hungUp: Promise<unknown> | undefined
    const engine = await fakeEngine(t, (path, response) => {
      if (path === '/_ping') return response.end('OK')
      hungUp = once(response, 'close')
      if (speaks) response.write('{"status":"pulling"}\n')
      return
    })
    const controller = new AbortController()
    const pulled = engine.images.pull('image:tag', controller.signal)
    setTimeout(() => controller.abort(), 50)
    const startedMs = performance.now()
    await t.rejects(pulled, { code: 'interrupted', exitCode: 130 })
    t.ok(performance.now() - startedMs < 1000)
    await hungUp
    t.pass('the engine is told by the connection')
  }
})
