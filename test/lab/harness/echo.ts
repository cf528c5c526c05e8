import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, isIPv6 } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { image } from './configurations.ts'
import { docker } from './engines.ts'

/** Answers on TCP and UDP port 7 with the name of its host and what it heard; with TCP when the client has ended. */
const server = `
import socket, threading
host = socket.gethostname().encode()
def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 7))
    while True:
        data, who = s.recvfrom(65536); s.sendto(host + b' ' + data, who)
def answer(c):
    with c:
        heard = b''
        while chunk := c.recv(65536): heard += chunk
        c.sendall(host + b' ' + heard)
threading.Thread(target=udp, daemon=True).start()
s = socket.create_server(('', 7), backlog=256)
while True: threading.Thread(target=answer, args=(s.accept()[0],), daemon=True).start()
`

/** Runs the server on alpha; the name of its host tells on which engine it runs. */
export async function runEcho(name: string, ...flags: string[]): Promise<void> {
  const place = ['--uts', 'host', '--stop-signal', 'KILL', '--restart', 'always', '-v', `${name}:/data`]
  await docker('alpha', 'run', '-d', '--name', name, ...place, ...flags, image, 'python3', '-c', server)
}

/** What a TCP server says to a client that says one thing and ends, a character a byte. @throws what befell the connection. */
export async function askTcp(
  host: string,
  port: number,
  question: string,
  timeoutMs = 30_000,
): Promise<string> {
  const socket = connect({ host, port, allowHalfOpen: true })
  const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), timeoutMs)
  try {
    socket.setEncoding('latin1')
    socket.end(question)
    let answer = ''
    for await (const chunk of socket) answer += chunk
    if (answer === '') throw new Error('an end without an answer')
    return answer
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

/** What a UDP server answers; asks again every half second for up to 10 s. */
export async function askUdp(host: string, port: number, question: string): Promise<string> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  const again = setInterval(() => socket.send(question, port, host), 500)
  socket.on('error', () => {})
  try {
    socket.send(question, port, host)
    const [answer] = await once(socket, 'message', { signal: AbortSignal.timeout(10_000) })
    return String(answer)
  } finally {
    clearInterval(again)
    socket.close()
  }
}

/** Asks a TCP server again and again, each time over a connection of its own. */
export class Asker {
  readonly answers: string[] = []
  readonly failures: string[] = []
  #goesOn = true
  readonly #ended: Promise<void>

  constructor(host: string, port: number) {
    this.#ended = this.#ask(host, port)
  }

  async stop(): Promise<void> {
    this.#goesOn = false
    await this.#ended
  }

  async #ask(host: string, port: number): Promise<void> {
    for (let number = 1; this.#goesOn; number++) {
      try {
        this.answers.push(await askTcp(host, port, String(number)))
      } catch (error) {
        this.failures.push(`${number}: ${error instanceof Error ? error.message : error}`)
      }
      await sleep(20)
    }
  }
}
