import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { must, unpackedProgram } from './debian.ts'

/** Who may log in at a registry with `auth: 'htpasswd'`. The hash is what `htpasswd -B` makes of the password. */
export const login = { username: 'keeper', password: 'of the test' }
const passwordFile = 'keeper:$2b$05$abcdefghijklmnopqrstuum6QfmvNs1.Rv7QTXL1lrhuj6G1xMZMq\n'

export interface Certificates {
  directory: string
  ca: string
  certificate: string
  key: string
}

/** A certificate for this machine, by an authority of its own. */
export async function makeCertificates(directory: string): Promise<Certificates> {
  await mkdir(directory, { recursive: true })
  const at = (name: string) => join(directory, name)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const openssl = (...args: string[]) => must('openssl', args, directory)
  const authority = ['-subj', '/CN=test authority', '-addext', 'keyUsage=critical,keyCertSign']
  await openssl('req', '-x509', ...key, '-days', '2', ...authority, '-keyout', 'ca.key', '-out', 'ca.crt')
  await openssl('req', '-new', ...key, '-subj', '/CN=localhost', '-keyout', 'key.pem', '-out', 'request')
  await writeFile(at('extensions'), 'subjectAltName = DNS:localhost,IP:127.0.0.1\n')
  const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'extensions']
  await openssl('x509', '-req', '-in', 'request', ...signed, '-days', '2', '-out', 'cert.pem')
  return { directory, ca: at('ca.crt'), certificate: at('cert.pem'), key: at('key.pem') }
}

export interface RegistryOptions {
  directory: string
  certificates?: Certificates
  auth?: 'htpasswd' | { realm: string; service: string; issuer: string; rootcertbundle: string }
}

/** Debian's docker-registry as a process of the test. */
export class TestRegistry {
  readonly port: number
  readonly #program: Awaited<ReturnType<typeof unpackedProgram>>
  readonly #config: string
  #child: ChildProcess | undefined

  private constructor(port: number, program: Awaited<ReturnType<typeof unpackedProgram>>, config: string) {
    this.port = port
    this.#program = program
    this.#config = config
  }

  static async start({ auth, certificates, directory }: RegistryOptions): Promise<TestRegistry> {
    const program = await unpackedProgram('docker-registry')
    await mkdir(directory, { recursive: true })
    const port = await freePort()
    const passwords = join(directory, 'htpasswd')
    await writeFile(passwords, passwordFile)
    const tls = certificates && { certificate: certificates.certificate, key: certificates.key }
    const config = {
      version: '0.1',
      log: { level: 'error' },
      // JSON is YAML. Uploads must outlive a restart: their addresses are signed with the secret.
      http: { addr: `127.0.0.1:${port}`, secret: 'of the test', ...(tls ? { tls } : {}) },
      storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
      ...(auth === 'htpasswd' ? { auth: { htpasswd: { realm: 'test', path: passwords } } } : {}),
      ...(typeof auth === 'object' ? { auth: { token: auth } } : {}),
    }
    await writeFile(join(directory, 'config.yml'), JSON.stringify(config))
    const registry = new TestRegistry(port, program, join(directory, 'config.yml'))
    await registry.start()
    return registry
  }

  /** How it is named in commands. */
  get host(): string {
    return `localhost:${this.port}`
  }

  async start(): Promise<void> {
    const { env, path } = this.#program
    const child = spawn(path, ['serve', this.#config], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child = child
    let said = ''
    child.stderr.on('data', (text: Buffer) => {
      said = `${said}${text}`.slice(-4000)
    })
    for (let attempt = 0; attempt < 200; attempt++) {
      if (child.exitCode !== null) throw new Error(`docker-registry ended: ${said}`)
      if (await listens(this.port)) return
      await sleep(50)
    }
    throw new Error(`docker-registry does not listen: ${said}`)
  }

  /** Ends it at once, as a crash does. */
  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
