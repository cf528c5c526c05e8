import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Log } from './log.ts'
import { type Forward, place } from './settings.ts'

/** As long as the kernel remembers a UDP conversation (nf_conntrack_udp_timeout_stream). */
const idleMs = 120_000
/** When there are more clients, the one that was silent longest makes room. */
const maxClients = 8192
/** What arrives in bursts; the kernel cuts it down to net.core.rmem_max. */
const receiveBytes = 4 * 1024 * 1024

export interface UdpLimits {
  idleMs: number
  maxClients: number
}

/** A client, with the socket whose port is the client's for the target. */
interface Conversation {
  socket: Socket
  lastMs: number
  /** Until the socket is connected, what is to be sent waits. */
  isReady: boolean
  waiting: Buffer[]
}

/** Passes datagrams on, and the answers back to whom they belong. */
export class UdpForwarder {
  readonly #listener: Socket
  readonly #target: Forward['target']
  readonly #log: Log
  readonly #limits: UdpLimits
  /** By the client's address and port, the one that was silent longest first. */
  readonly #conversations = new Map<string, Conversation>()
  readonly #sweep: NodeJS.Timeout

  private constructor(listener: Socket, target: Forward['target'], log: Log, limits: UdpLimits) {
    this.#listener = listener
    this.#target = target
    this.#log = log
    this.#limits = limits
    listener.on('message', (message, client) => this.#pass(message, client))
    listener.on('error', (error) => log(`udp ${listener.address().port}: ${error.message}`))
    this.#sweep = setInterval(() => this.#endIdle(), limits.idleMs / 4).unref()
  }

  /** Listens. @throws the error of bind(2). */
  static async open(
    { listen, target }: Forward,
    log: Log,
    limits: UdpLimits = { idleMs, maxClients },
  ): Promise<UdpForwarder> {
    return new UdpForwarder(await bound(listen), target, log, limits)
  }

  get port(): number {
    return this.#listener.address().port
  }

  /** How many clients have a socket at present. */
  get clients(): number {
    return this.#conversations.size
  }

  close(): void {
    clearInterval(this.#sweep)
    this.#listener.close()
    for (const key of [...this.#conversations.keys()]) this.#end(key)
  }

  #pass(message: Buffer, client: RemoteInfo): void {
    const key = place(client.address, client.port)
    const known = this.#conversations.get(key)
    const conversation = known ?? this.#begin(key, client)
    conversation.lastMs = performance.now()
    if (known) {
      // Last in the order of the map: longest silent is first.
      this.#conversations.delete(key)
      this.#conversations.set(key, known)
    }
    if (conversation.isReady) conversation.socket.send(message)
    else if (conversation.waiting.length < 64) conversation.waiting.push(message)
  }

  #begin(key: string, client: RemoteInfo): Conversation {
    const [oldest] = this.#conversations.keys()
    if (oldest !== undefined && this.#conversations.size >= this.#limits.maxClients) this.#end(oldest)
    const [host = ''] = this.#target.hosts
    const conversation: Conversation = {
      socket: createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', recvBufferSize: receiveBytes / 16 }),
      lastMs: 0,
      isReady: false,
      waiting: [],
    }
    const { socket } = conversation
    this.#conversations.set(key, conversation)
    socket.on('error', (error) => {
      this.#log(`udp: ${place(host, this.#target.port)}: ${error.message}`)
      // Of somebody who is not there the kernel tells with every datagram that follows: no reason to end. But without a way to
      // send, the client's next datagram must find another.
      if (!conversation.isReady) this.#end(key)
    })
    socket.on('message', (message) => {
      conversation.lastMs = performance.now()
      this.#listener.send(message, client.port, client.address)
    })
    socket.once('connect', () => {
      conversation.isReady = true
      for (const message of conversation.waiting.splice(0)) socket.send(message)
    })
    socket.connect(this.#target.port, host)
    return conversation
  }

  #endIdle(): void {
    const now = performance.now()
    for (const [key, { lastMs }] of this.#conversations) {
      if (now - lastMs > this.#limits.idleMs) this.#end(key)
    }
  }

  #end(key: string): void {
    this.#conversations.get(key)?.socket.close()
    this.#conversations.delete(key)
  }
}

/** A socket for both families where no address is given; a host without IPv6 has only the one. */
async function bound({ address, port }: Forward['listen']): Promise<Socket> {
  if (address) return bind(isIPv6(address) ? 'udp6' : 'udp4', port, address)
  return bind('udp6', port).catch((error) => {
    if (error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL') return bind('udp4', port)
    throw error
  })
}

function bind(type: 'udp4' | 'udp6', port: number, address?: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const isOneFamily = address !== undefined && type === 'udp6'
    const socket = createSocket({ type, ipv6Only: isOneFamily, recvBufferSize: receiveBytes })
    socket.once('error', reject)
    socket.bind({ port, ...(address ? { address } : {}) }, () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}
