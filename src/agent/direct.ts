import type { AddressInfo, SocketConstructorOpts } from 'node:net'
import { type ConnectionOptions, connect, createServer, type TLSSocket } from 'node:tls'
import { bestOf } from './best-of.ts'
import { Channel } from './channel.ts'
import { AgentError } from './errors.ts'
import { broken, FrameStream } from './frames.ts'

/**
 * The direct link: TCP with TLS 1.2 and a pre-shared key that lives as long as one migration. Both sides prove that they
 * have the key, so no certificates are needed; DHE gives forward secrecy and AES-GCM is the fastest of those.
 */
const tlsOptions = {
  ciphers: 'DHE-PSK-AES128-GCM-SHA256',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
} as const

const handshakeMilliseconds = 5_000
const maxConnections = 16
const readBytes = 64 * 1024

/** What both sides of a direct link are given: the name of the session and its key, 32 bytes in hexadecimal. */
export interface DirectSecret {
  session: string
  key: string
}

/** A link that is up. */
export interface DirectLink {
  channel: Channel
  address: string
  close: () => void
}

function toLink(socket: TLSSocket, address: string): DirectLink & { stream: FrameStream } {
  socket.setNoDelay(true)
  socket.setKeepAlive(true, 10_000)
  const stream = new FrameStream(socket, socket, {
    control: () => undefined,
    data: () => undefined,
    end: () => undefined,
  })
  const channel = new Channel(stream, true)
  stream.handlers = {
    control: () => undefined,
    data: (batch) => channel.deliver(batch),
    end: (error) => channel.fail(broken(error)),
  }
  return { channel, address, stream, close: () => stream.destroy() }
}

/** A listener for one link. */
export interface Listener {
  port: number
  /** The first connection that proved itself and that the other side chose to use. */
  accepted: Promise<DirectLink>
  close: () => void
}

/** Listens on a port that the kernel picks, on all addresses, until one link is up or `close` is called. */
export async function listen(secret: DirectSecret): Promise<Listener> {
  const server = createServer({
    ...tlsOptions,
    dhparam: 'auto',
    handshakeTimeout: handshakeMilliseconds,
    pskCallback: (_socket, identity) => (identity === secret.session ? Buffer.from(secret.key, 'hex') : null),
  })
  server.maxConnections = maxConnections
  const sockets = new Set<TLSSocket>()
  const closeServer = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  const accepted = new Promise<DirectLink>((resolve, reject) => {
    server.on('tlsClientError', () => undefined)
    server.on('close', () => reject(new AgentError('link-not-possible', 'The listener was closed')))
    server.on('secureConnection', (socket) => {
      sockets.add(socket)
      const link = toLink(socket, socket.remoteAddress ?? '')
      // Several of our addresses may be reachable: the other side says which connection it will use.
      link.stream.handlers.control = () => {
        sockets.delete(socket)
        link.stream.control({ using: true })
        resolve(link)
        closeServer()
      }
    })
  })
  // It may be refused before anybody asks for it, or when nobody ever does.
  accepted.catch(() => undefined)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, resolve)
  })
  return { port: (server.address() as AddressInfo).port, accepted, close: closeServer }
}

/** Why an address could not be used. */
export interface FailedAttempt {
  address: string
  reason: string
}

/**
 * Connects to the first in the list of those addresses that answer. All are tried at once; when one has answered, those before it
 * are given a moment more. Throws `link-not-possible` with the reason for each address.
 */
export async function dial(
  secret: DirectSecret,
  addresses: readonly string[],
  port: number,
  timeoutMilliseconds: number,
): Promise<DirectLink> {
  const failed: FailedAttempt[] = []
  const sockets: TLSSocket[] = []
  const attempts = addresses.slice(0, maxConnections).map(async (address) => {
    try {
      return { address, socket: await connectOnce(secret, address, port, timeoutMilliseconds, sockets) }
    } catch (error) {
      failed.push({ address, reason: error instanceof Error ? error.message : String(error) })
      return undefined
    }
  })
  const winner = await bestOf(attempts)
  for (const socket of sockets) if (socket !== winner?.socket) socket.destroy()
  if (!winner) {
    const reasons = failed.map(({ address, reason }) => `${address} (${reason})`).join(', ')
    throw new AgentError('link-not-possible', `No direct link: ${reasons || 'no address to try'}`, {
      data: { attempts: failed },
    })
  }
  // An address also where a name was dialled: not everybody who is told of it can look names up.
  const link = toLink(winner.socket, winner.socket.remoteAddress ?? winner.address)
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(broken(new Error('no answer'))), timeoutMilliseconds)
    link.stream.handlers.control = () => {
      clearTimeout(timer)
      resolve()
    }
    link.stream.control({ use: true })
  })
  return link
}

function connectOnce(
  secret: DirectSecret,
  host: string,
  port: number,
  timeoutMilliseconds: number,
  sockets: TLSSocket[],
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const buffer = Buffer.allocUnsafeSlow(readBytes)
    const options: ConnectionOptions & Pick<SocketConstructorOpts, 'onread'> = {
      ...tlsOptions,
      host,
      port,
      minDHSize: 2048,
      pskCallback: () => ({ psk: Buffer.from(secret.key, 'hex'), identity: secret.session }),
      // There is no certificate to check: the key proves who the other side is.
      checkServerIdentity: () => undefined,
      // One buffer in place of a new one for each record: receiving takes half of the time. Listeners must copy.
      onread: {
        buffer,
        callback: (bytes) => {
          socket.emit('data', buffer.subarray(0, bytes))
          return true
        },
      },
    }
    const socket = connect(options)
    sockets.push(socket)
    const timer = setTimeout(() => socket.destroy(new Error('no answer')), timeoutMilliseconds)
    socket.once('secureConnect', () => {
      clearTimeout(timer)
      resolve(socket)
    })
    socket.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    socket.once('close', () => reject(new Error('closed')))
  })
}
