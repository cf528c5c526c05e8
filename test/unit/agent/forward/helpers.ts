import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'
import type { Forward } from '../../../../src/agent/forward/settings.ts'
import { forwardTcp } from '../../../../src/agent/forward/tcp.ts'

export const portOf = (server: Server) => (server.address() as AddressInfo).port

/** A server that does this with every connection, gone with the test. */
export async function serve(
  t: Test,
  handle: (socket: Socket) => void,
  { port = 0, host = '::' } = {},
): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    handle(socket)
  })
  return closedBy(t, server.listen(port, host))
}

/** A forwarder to a port of this machine, gone with the test. Gives its port and what it logs. */
export async function forwardTo(
  t: Test,
  port: number,
  more: Partial<Forward> = {},
): Promise<{ port: number; lines: string[] }> {
  const lines: string[] = []
  const forward: Forward = {
    protocol: 'tcp',
    listen: { port: 0 },
    target: { hosts: ['127.0.0.1'], port },
    ...more,
  }
  const server = await forwardTcp(forward, (line) => lines.push(line))
  await closedBy(t, server)
  return { port: portOf(server), lines }
}

async function closedBy(t: Test, server: Server): Promise<Server> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  if (!server.listening) await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return server
}

/** A client, gone with the test. */
export async function connected(t: Test, port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host, allowHalfOpen: true })
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  // Whoever waits for an error hears it too.
  socket.on('error', () => {})
  return socket
}
