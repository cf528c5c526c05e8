import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../platform/process.ts'
import { contextName, type LabEngineName, type LabPlaces } from './places.ts'
import { labFailure } from './wait.ts'

const days = '3650'
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/**
 * Makes sure that the lab has a certificate authority, a client certificate and one server certificate per engine that
 * names its addresses. The client's directory is laid out as DOCKER_CERT_PATH expects.
 */
export async function ensureCertificates(
  places: LabPlaces,
  addresses: Readonly<Record<LabEngineName, string>>,
): Promise<void> {
  await ensureAuthority(places.tls)
  const client = join(places.tls, 'client')
  await ensureCertificate(places.tls, client, 'cert.pem', 'key.pem', {
    subject: 'wherry lab client',
    extensions: 'extendedKeyUsage = clientAuth\n',
  })
  for (const name of Object.keys(addresses) as LabEngineName[]) {
    await ensureCertificate(
      places.tls,
      join(places.engine(name), 'tls'),
      'server-cert.pem',
      'server-key.pem',
      { subject: contextName(name), extensions: serverExtensions(name, addresses[name]) },
    )
  }
}

/** The OpenSSL extensions of an engine's certificate: valid from this machine and from the other engine. Pure. */
export function serverExtensions(name: LabEngineName, address: string): string {
  const names = [`DNS:localhost`, `DNS:${contextName(name)}`, 'IP:127.0.0.1', `IP:${address}`]
  return `extendedKeyUsage = serverAuth\nsubjectAltName = ${names.join(',')}\n`
}

async function ensureAuthority(directory: string): Promise<void> {
  if (await isThere(join(directory, 'ca.pem'))) return
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const key = join(directory, 'ca-key.pem')
  const subject = ['-subj', '/CN=wherry lab', '-addext', 'keyUsage=critical,keyCertSign']
  await openssl(['req', '-x509', ...newKey, '-days', days, ...subject, '-keyout', key, '-out', `${key}.new`])
  await rename(`${key}.new`, join(directory, 'ca.pem'))
}

interface CertificateRequest {
  subject: string
  extensions: string
}

/** The extensions file beside a certificate says what it was made with; another address means a new certificate. */
async function ensureCertificate(
  authority: string,
  directory: string,
  certificate: string,
  key: string,
  wanted: CertificateRequest,
): Promise<void> {
  const ca = join(authority, 'ca.pem')
  const made = join(directory, 'made-with')
  const madeWith = `${await readFile(ca, 'utf8')}${wanted.extensions}`
  if ((await readFile(made, 'utf8').catch(() => '')) === madeWith) return
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const request = join(directory, 'request.pem')
  const extensions = join(directory, 'extensions')
  await writeFile(extensions, wanted.extensions)
  const subject = ['-subj', `/CN=${wanted.subject}`]
  await openssl(['req', '-new', ...newKey, ...subject, '-keyout', join(directory, key), '-out', request])
  const signer = ['-CA', ca, '-CAkey', join(authority, 'ca-key.pem'), '-CAcreateserial']
  const output = join(directory, certificate)
  await openssl([
    'x509',
    '-req',
    '-in',
    request,
    ...signer,
    '-days',
    days,
    '-extfile',
    extensions,
    '-out',
    output,
  ])
  await copyFile(ca, join(directory, 'ca.pem'))
  await rm(request)
  await rm(extensions)
  await writeFile(made, madeWith)
}

async function openssl(args: readonly string[]): Promise<void> {
  const result = await run('openssl', args, { timeoutMs: 30_000 })
  if (result.failure) throw labFailure('lab-openssl-failed', `openssl ${args[0]} failed`, result.stderr)
}

async function isThere(path: string): Promise<boolean> {
  return (await readFile(path).catch(() => undefined)) !== undefined
}
