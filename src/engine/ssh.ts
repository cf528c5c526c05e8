import { mkdtemp, rm, stat } from 'node:fs/promises'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { EngineUnreachableError } from '../model/errors.ts'
import { startDuplex } from '../platform/duplex.ts'

const connectTimeoutSeconds = 20

/** An http agent whose connections run through the system's own ssh, and the way to end it. */
export interface SshTunnel {
  agent: Agent
  close(): Promise<void>
}

/**
 * Logs in once with the system's `ssh` (so the user's configuration, keys, agent and known_hosts count) and carries every
 * connection over that login as `docker system dial-stdio`, as the Docker CLI does. WHERRY_SSH_COMMAND replaces `ssh`,
 * words separated by spaces, as GIT_SSH_COMMAND does for git. Like the Docker CLI's, these logins have no terminal: keys with a
 * passphrase need an agent.
 * @throws EngineUnreachableError with what ssh said.
 */
export async function openSshTunnel(url: URL): Promise<SshTunnel> {
  const directory = await mkdtemp(join(tmpdir(), 'wherry-ssh-'))
  const [program = 'ssh', ...words] = (process.env.WHERRY_SSH_COMMAND || 'ssh').split(/\s+/)
  const destination = [
    ...(url.username ? ['-l', decodeURIComponent(url.username)] : []),
    ...(url.port ? ['-p', url.port] : []),
    '--',
    url.hostname.replace(/^\[|\]$/g, ''),
  ]
  const socket = join(directory, 's')
  const shared = [
    ...words,
    '-S',
    socket,
    '-o',
    `ConnectTimeout=${connectTimeoutSeconds}`,
    '-o',
    'ServerAliveInterval=10',
    '-o',
    'ServerAliveCountMax=3',
    '-T',
  ]
  // `cat` keeps the login open for as long as its stdin, which is this process, is there: nothing is left if we are killed.
  const masterOptions = ['-o', 'BatchMode=yes', '-M', '-o', 'ControlPersist=no']
  const master = startDuplex(program, [...shared, ...masterOptions, ...destination, 'cat'])
  const close = async () => {
    master.kill('SIGTERM')
    await master
    await rm(directory, { recursive: true, force: true })
  }
  const failure = await waitForMaster(master, socket)
  if (failure !== undefined) {
    await close()
    throw sshError(url, failure)
  }
  const dial = () => dialStdio(program, [...shared, ...destination, 'docker', 'system', 'dial-stdio'])
  return { agent: new TunnelAgent(dial), close }
}

/** Undefined once the login holds; else what went wrong, in ssh's own words. */
async function waitForMaster(
  master: ReturnType<typeof startDuplex>,
  socket: string,
): Promise<string | undefined> {
  let said = ''
  master.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000)
  })
  let ended = false
  void master.then(() => {
    ended = true
  })
  const deadline = Date.now() + (connectTimeoutSeconds + 5) * 1000
  while (!ended && Date.now() < deadline) {
    if (await stat(socket).catch(() => undefined)) return undefined
    await sleep(15)
  }
  const lines = said
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('Warning: Permanently added'))
  return lines.at(-1) || (ended ? 'ssh ended without a word' : 'no answer')
}

/** Each http connection is one `dial-stdio` on the far side. */
class TunnelAgent extends Agent {
  readonly #dial: () => Duplex

  constructor(dial: () => Duplex) {
    super({ keepAlive: true, maxSockets: 64 })
    this.#dial = dial
  }

  override createConnection(): Duplex {
    return this.#dial()
  }
}

function dialStdio(program: string, args: readonly string[]): Duplex {
  const child = startDuplex(program, args)
  const duplex = Duplex.from({ writable: child.stdin, readable: child.stdout }) as Duplex &
    Record<string, unknown>
  // node:http treats what an agent returns as a net.Socket.
  for (const method of ['setTimeout', 'setNoDelay', 'setKeepAlive', 'ref', 'unref'])
    duplex[method] = () => duplex
  duplex.on('error', () => {})
  duplex.on('close', () => child.kill('SIGTERM'))
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-500)
  })
  void child.then((result) => {
    if (result.exitCode) duplex.destroy(new Error(said.trim() || `ssh ended with ${result.exitCode}`))
  })
  return duplex
}

function sshError(url: URL, said: string): EngineUnreachableError {
  const host = url.hostname
  const hostKey = /host key|known_hosts/i.test(said)
  return new EngineUnreachableError('ssh-failed', `ssh could not log in to ${host}: ${said}`, {
    suggestions: hostKey
      ? [
          `Check the host's key and accept it once by hand: ssh ${url.username ? `${url.username}@` : ''}${host}`,
        ]
      : [`Try it by hand: ssh ${url.username ? `${url.username}@` : ''}${host} docker version`],
    data: { host, ssh: said },
  })
}
