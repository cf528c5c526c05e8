import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { UdpForwarder, type UdpLimits } from '../../../../src/agent/forward/udp.ts'

async function bound(t: Test, type: 'udp4' | 'udp6' = 'udp4'): Promise<Socket> {
  const socket = createSocket({ type, recvBufferSize: 1 << 20 })
  t.teardown(() => socket.close())
  socket.bind(0, type === 'udp4' ? '127.0.0.1' : '::1')
  await once(socket, 'listening')
  return socket
}

/** Sends back what it hears. */
async function answering(port: number, address = '127.0.0.1'): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (message, client) => socket.send(message, client.port, client.address))
  socket.bind(port, address)
  await once(socket, 'listening')
  return socket
}

async function echo(t: Test, address?: string): Promise<Socket> {
  const socket = await answering(0, address)
  t.teardown(() => socket.close())
  return socket
}

async function forwardTo(t: Test, port: number, limits?: UdpLimits, host = '127.0.0.1') {
  const lines: string[] = []
  const forward = { protocol: 'udp' as const, listen: { port: 0 }, target: { hosts: [host], port } }
  const forwarder = await UdpForwarder.open(forward, (line) => lines.push(line), limits)
  t.teardown(() => forwarder.close())
  return { forwarder, lines }
}

async function ask(client: Socket, port: number, question: Buffer | string, host = '127.0.0.1') {
  const answer = once(client, 'message', { signal: AbortSignal.timeout(2000) })
  client.send(question, port, host)
  return (await answer)[0] as Buffer
}

t.test('300 clients at once each get their own answers', async (t) => {
  const server = await echo(t)
  const { forwarder } = await forwardTo(t, server.address().port)
  const clients = await Promise.all(Array.from({ length: 300 }, () => bound(t)))
  for (const round of [1, 2]) {
    const answers = await Promise.all(
      clients.map((client, index) => ask(client, forwarder.port, `${round}:${index}`)),
    )
    t.ok(answers.every((answer, index) => String(answer) === `${round}:${index}`))
  }
  t.equal(forwarder.clients, 300)
})

t.test('datagrams keep their size, from nothing to the largest', async (t) => {
  const server = await echo(t)
  const { forwarder } = await forwardTo(t, server.address().port)
  const client = await bound(t)
  for (const size of [0, 1, 1472, 65507]) {
    const question = randomBytes(size)
    t.strictSame(await ask(client, forwarder.port, question), question, `${size} bytes`)
  }
})

t.test('IPv6 clients, IPv4 clients and an IPv6 target', async (t) => {
  const server = await echo(t, '::1')
  const { forwarder } = await forwardTo(t, server.address().port, undefined, '::1')
  t.equal(String(await ask(await bound(t, 'udp6'), forwarder.port, 'six', '::1')), 'six')
  t.equal(String(await ask(await bound(t), forwarder.port, 'four')), 'four')
})

t.test('who was silent longest makes room, and silence ends a conversation', async (t) => {
  const server = await echo(t)
  const sources: number[] = []
  server.on('message', (_message, { port }) => sources.push(port))
  const { forwarder } = await forwardTo(t, server.address().port, { idleMs: 400, maxClients: 2 })
  const [a, b, c] = [await bound(t), await bound(t), await bound(t)]
  for (const client of [a, b, a, c, a]) await ask(client, forwarder.port, 'x')
  t.equal(forwarder.clients, 2)
  t.equal(new Set([sources[0], sources[2], sources[4]]).size, 1, 'the busy client kept its port')
  await new Promise((resolve) => setTimeout(resolve, 700))
  t.equal(forwarder.clients, 0)
  t.equal(String(await ask(a, forwarder.port, 'again')), 'again')
})

t.test('where there is no way to the target, each datagram looks for one again', async (t) => {
  // A link-local address without its link.
  const { forwarder, lines } = await forwardTo(t, 7, undefined, 'fe80::1')
  const client = await bound(t)
  for (const _ of [1, 2]) {
    client.send('x', forwarder.port, '127.0.0.1')
    await new Promise((resolve) => setTimeout(resolve, 50))
    t.equal(forwarder.clients, 0)
  }
  t.match(lines, [/^udp: \[fe80::1\]:7: /, /^udp: \[fe80::1\]:7: /])
})

t.test('a target that is away is found again by the same client', async (t) => {
  const server = await answering(0)
  const { port } = server.address()
  const { forwarder, lines } = await forwardTo(t, port)
  const client = await bound(t)
  await ask(client, forwarder.port, 'x')
  await new Promise<void>((resolve) => server.close(resolve))
  for (let index = 0; index < 3; index++) {
    client.send('lost', forwarder.port, '127.0.0.1')
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  t.match(lines[0], /^udp: 127\.0\.0\.1:\d+: .*ECONNREFUSED/)
  const back = await answering(port)
  t.teardown(() => back.close())
  t.equal(String(await ask(client, forwarder.port, 'back')), 'back')
})
