import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import t from 'tap'
import { connected, forwardTo, portOf, serve } from './helpers.ts'

t.test('the client ends first, and still hears the answer to its end', async (t) => {
  const server = await serve(t, async (socket) => {
    const said = await text(socket)
    socket.end(`you said ${said}, and ended`)
  })
  const { port } = await forwardTo(t, portOf(server))
  const client = await connected(t, port)
  client.end('hello')
  t.equal(await text(client), 'you said hello, and ended')
})

t.test('the target ends first, and still hears the client', async (t) => {
  let heard: Promise<string> | undefined
  const server = await serve(t, (socket) => {
    heard = text(socket)
    socket.end('that is all from me')
  })
  const { port } = await forwardTo(t, portOf(server))
  const client = await connected(t, port)
  t.equal(await text(client), 'that is all from me')
  client.end('but not from me')
  await once(client, 'close')
  t.equal(await heard, 'but not from me')
})

t.test('64 MB each way at once arrive as they left, past a slow reader', async (t) => {
  const piece = randomBytes(1 << 20)
  const pieces = 64
  const digest = createHash('sha256')
  for (let index = 0; index < pieces; index++) digest.update(piece)
  const expected = digest.digest('hex')
  const server = await serve(t, (socket) => socket.pipe(socket))
  const { port } = await forwardTo(t, portOf(server))
  const client = await connected(t, port)
  const seen = createHash('sha256')
  const received = (async () => {
    let bytes = 0
    for await (const chunk of client) {
      if (bytes === 0) await new Promise((resolve) => setTimeout(resolve, 200))
      bytes += chunk.length
      seen.update(chunk)
    }
    return bytes
  })()
  for (let index = 0; index < pieces; index++) {
    if (!client.write(piece)) await once(client, 'drain')
  }
  client.end()
  t.equal(await received, pieces * piece.length)
  t.equal(seen.digest('hex'), expected)
})

t.test('2000 connections at once, each its own', async (t) => {
  const server = await serve(t, (socket) => socket.on('data', (data) => socket.end(`answer to ${data}`)))
  const { port, lines } = await forwardTo(t, portOf(server))
  const clients = await Promise.all(Array.from({ length: 2000 }, () => connected(t, port)))
  const answers = clients.map((client, index) => {
    client.write(String(index))
    return text(client).then((answer) => {
      client.end()
      return answer
    })
  })
  const wrong = (await Promise.all(answers)).filter((answer, index) => answer !== `answer to ${index}`)
  t.strictSame(wrong, [])
  t.strictSame(lines, [])
})

t.test('a reset is passed on as a reset, in both directions', async (t) => {
  const errors: Promise<unknown>[] = []
  const server = await serve(t, (socket) => {
    socket.resume()
    errors.push(once(socket, 'error').then(([error]) => error.code))
  })
  const { port } = await forwardTo(t, portOf(server))
  const client = await connected(t, port)
  client.write('x')
  await once(server, 'connection')
  await new Promise((resolve) => setTimeout(resolve, 50))
  client.resetAndDestroy()
  t.equal(await errors[0], 'ECONNRESET')

  const rude = await serve(t, (socket) => socket.once('data', () => socket.resetAndDestroy()))
  const other = await connected(t, (await forwardTo(t, portOf(rude))).port)
  other.write('x')
  other.resume()
  const [error] = await once(other, 'error')
  t.equal(error.code, 'ECONNRESET')
})

t.test('a client that is reset while others talk does no harm to them', async (t) => {
  const server = await serve(t, (socket) => socket.pipe(socket))
  const { port } = await forwardTo(t, portOf(server))
  const steady = await connected(t, port)
  for (let index = 0; index < 50; index++) (await connected(t, port)).resetAndDestroy()
  steady.end('still here')
  t.equal(await text(steady), 'still here')
})

t.test('a target that is not there yet is waited for; one that is gone later is not', async (t) => {
  const placeholder = createServer().listen(0)
  await once(placeholder, 'listening')
  const free = portOf(placeholder)
  placeholder.close()
  await once(placeholder, 'close')
  const { port, lines } = await forwardTo(t, free)
  const early = await connected(t, port)
  early.end('I came early')
  const answer = text(early)
  await new Promise((resolve) => setTimeout(resolve, 300))
  const late = await serve(t, (socket) => socket.pipe(socket), { port: free })
  t.equal(await answer, 'I came early')
  t.strictSame(lines, [])

  late.close()
  await once(late, 'close')
  const tooLate = await connected(t, port)
  tooLate.resume()
  const [error] = await once(tooLate, 'error')
  t.equal(error.code, 'ECONNRESET')
  t.match(lines[0], /^tcp 0: the target cannot be reached: 127\.0\.0\.1:\d+: connect ECONNREFUSED/)
})

t.test('addresses are tried in order', async (t) => {
  const server = await serve(t, (socket) => socket.end('found'))
  const target = { hosts: ['127.0.0.2', '127.0.0.1'], port: portOf(server) }
  server.close()
  await once(server, 'close')
  await serve(t, (socket) => socket.end('found'), { port: target.port, host: '127.0.0.1' })
  const { port } = await forwardTo(t, 0, { target })
  t.equal(await text(await connected(t, port)), 'found')
})

t.test('IPv6 clients and an IPv6 target', async (t) => {
  const server = await serve(t, (socket) => socket.pipe(socket))
  const target = { hosts: ['::1'], port: portOf(server) }
  const { port } = await forwardTo(t, 0, { target })
  for (const host of ['::1', '127.0.0.1']) {
    const client = await connected(t, port, host)
    client.end(host)
    t.equal(await text(client), host)
  }
  const narrow = await forwardTo(t, 0, { target, listen: { address: '::1', port: 0 } })
  await t.rejects(connected(t, narrow.port, '127.0.0.1'), { code: 'ECONNREFUSED' })
})

t.test('the target is told who the client is', async (t) => {
  const heard: Promise<Buffer>[] = []
  const server = await serve(t, (socket) => {
    heard.push(buffer(socket))
    socket.end()
  })
  const { port } = await forwardTo(t, portOf(server), { proxyProtocol: 'v1' })
  const client = await connected(t, port)
  const from = client.localPort
  client.end('GET')
  client.resume()
  await once(client, 'close')
  t.equal(String(await heard[0]), `PROXY TCP4 127.0.0.1 127.0.0.1 ${from} ${port}\r\nGET`)
})
