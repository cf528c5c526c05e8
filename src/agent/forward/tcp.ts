import { createServer, type Server, type Socket } from 'node:net'
import { messageOf } from '../../model/errors.ts'
import { Dialer, socketOptions } from './dial.ts'
import { Direction, withBuffer } from './direction.ts'
import type { Log } from './log.ts'
import { proxyHeader } from './proxy-header.ts'
import type { Forward } from './settings.ts'

/** The kernel cuts it down to net.core.somaxconn. */
const backlog = 4096

/**
 * Passes TCP connections on, each with an end of its own in either direction, and a reset as a reset. Resolves when it listens.
 * @throws the error of listen(2). What befalls one connection goes to the log.
 */
export async function forwardTcp({ listen, target, proxyProtocol }: Forward, log: Log): Promise<Server> {
  const dialer = new Dialer(target)
  const server = createServer({ ...socketOptions, pauseOnConnect: true }, (client) => {
    const header = proxyProtocol && proxyHeader(proxyProtocol, client)
    client.on('error', () => {})
    connectThrough(client, dialer, header).catch((error) => {
      log(`tcp ${listen.port}: the target cannot be reached: ${messageOf(error)}`)
      client.resetAndDestroy()
    })
  })
  const { address, port } = listen
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    const where = address ? { host: address, ipv6Only: address.includes(':') } : {}
    server.listen({ port, backlog, ...where }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  server.on('error', (error) => log(`tcp ${port}: a connection could not be accepted: ${error.message}`))
  return server
}

async function connectThrough(accepted: Socket, dialer: Dialer, header: Buffer | undefined): Promise<void> {
  const [out, back] = [new Direction(), new Direction()]
  const upstream = await dialer.dial(back.onread)
  const client = withBuffer(accepted, out.onread)
  if (header) upstream.write(header)
  out.join(client, upstream)
  back.join(upstream, client)
}
