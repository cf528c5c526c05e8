import { createServer, type Server, type Socket } from 'node:net'
import { messageOf } from '../../model/errors.ts'
import { Dialer, socketOptions } from './dial.ts'
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
    dialer
      .dial(() => !client.destroyed)
      .then(
        (upstream) => {
          if (header) upstream.write(header)
          join(client, upstream)
        },
        (error) => {
          log(`tcp ${listen.port}: the target cannot be reached: ${messageOf(error)}`)
          client.resetAndDestroy()
        },
      )
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

/** Lets bytes through both ways until both sides have ended, or one has failed. */
function join(a: Socket, b: Socket): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('error', () => {})
    from.on('close', () => {
      // What was cut off must not look like an end to the other side.
      if (!from.readableEnded || !from.writableFinished) to.resetAndDestroy()
    })
    from.pipe(to)
  }
  if (a.destroyed) b.resetAndDestroy()
}
