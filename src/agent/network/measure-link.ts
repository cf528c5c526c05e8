import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, isIPv6, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { AgentError } from '../errors.ts'

/** Whom to measure the way to: an agent that answers measures. */
export interface LinkMeasureParams {
  address: string
  port: number
  /** The largest datagram that must come through, bytes of payload. */
  datagramBytes: number
  /** How much to send for the throughput. */
  bytes: number
}

export interface LinkMeasure {
  /** The median of several datagrams and their answers. */
  roundTripSeconds: number
  /** One TCP connection, one way. */
  bytesPerSecond: number
}

const attempts = 5
const answerMs = 1000
const roundTrips = 21
const connectMs = 5000
const chunk = Buffer.alloc(256 * 1024)

/** Echoes datagrams, and counts what comes over a connection until its end; on one port, until the process ends. */
export async function answerMeasures(): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let bytes = 0
    socket.on('data', ({ length }) => {
      bytes += length
    })
    socket.on('end', () => socket.end(`${bytes}`))
    // Whoever measures has gone.
    socket.on('error', () => {})
  })
  server.listen(0, '::')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const echo = createSocket({ type: 'udp6', recvBufferSize: 1 << 20 })
  echo.on('message', (message, from) => echo.send(message, from.port, from.address))
  echo.bind(port, '::')
  await once(echo, 'listening')
  return port
}

/**
 * Measures the way to another agent. Large datagrams are tried several times: the first may be what tells the kernel how
 * large a packet may be. Throws `link-broken` naming what did not come through.
 */
export async function measureLink(params: LinkMeasureParams): Promise<LinkMeasure> {
  const { address, port, datagramBytes } = params
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  try {
    socket.connect(port, address)
    await once(socket, 'connect')
    await reach(socket, 1, `nothing comes back from ${address}`)
    const times: number[] = []
    for (let i = 0; i < roundTrips; i++) {
      const startMs = performance.now()
      if (await answered(socket, 64)) times.push((performance.now() - startMs) / 1000)
    }
    await reach(socket, datagramBytes, `datagrams of ${datagramBytes} bytes do not come back from ${address}`)
    const roundTripSeconds = times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
    return { roundTripSeconds, bytesPerSecond: await throughput(params) }
  } finally {
    socket.close()
  }
}

async function reach(socket: DatagramSocket, bytes: number, otherwise: string): Promise<void> {
  for (let i = 0; i < attempts; i++) {
    if (await answered(socket, bytes)) return
  }
  throw new AgentError('link-broken', otherwise)
}

/** Sends one datagram and waits for it to come back. */
async function answered(socket: DatagramSocket, bytes: number): Promise<boolean> {
  const stop = new AbortController()
  const answer = once(socket, 'message', { signal: stop.signal }).then(
    ([message]: Buffer[]) => message?.length === bytes,
    // Refused, or called off.
    () => false,
  )
  // A packet that is too long fails here, and the kernel knows better for the next one.
  socket.send(Buffer.alloc(bytes), () => {})
  const timeout = sleep(answerMs, false, { signal: stop.signal }).catch(() => false)
  const isAnswered = await Promise.race([answer, timeout])
  stop.abort()
  return isAnswered
}

async function throughput({ address, port, bytes }: LinkMeasureParams): Promise<number> {
  const socket = connect({ host: address, port, timeout: connectMs })
  socket.on('timeout', () => socket.destroy(new Error('no answer')))
  try {
    await once(socket, 'connect')
    const startMs = performance.now()
    for (let sent = 0; sent < bytes; sent += chunk.length) {
      if (!socket.write(chunk)) await once(socket, 'drain')
    }
    const counted = await lastWords(socket)
    const expected = Math.ceil(bytes / chunk.length) * chunk.length
    if (counted !== `${expected}`) throw new Error(`${counted || 'nothing'} of ${expected} bytes arrived`)
    return (expected * 1000) / (performance.now() - startMs)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new AgentError('link-broken', `a connection to ${address} breaks off: ${why}`)
  } finally {
    socket.destroy()
  }
}

async function lastWords(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (data: Buffer) => {
    text += data.toString()
  })
  socket.end()
  await once(socket, 'end')
  return text
}
