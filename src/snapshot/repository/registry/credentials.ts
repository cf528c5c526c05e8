import { join } from 'node:path'
import { exitCodes, WherryError } from '../../../model/errors.ts'
import { dockerConfigDirectory } from '../../../platform/directories.ts'
import { readJson } from '../../../platform/files.ts'
import { run } from '../../../platform/process.ts'

/** What to log in with; never printed. */
export type Credentials = { username: string; password: string } | { identityToken: string }

interface AuthEntry {
  auth?: string
  username?: string
  password?: string
  identitytoken?: string
}

interface DockerConfig {
  auths?: Record<string, AuthEntry>
  credsStore?: string
  credHelpers?: Record<string, string>
}

/** Under which Docker Hub is in Docker's configuration (docker/cli, registry.IndexServer). */
const hubKey = 'https://index.docker.io/v1/'
const helperMs = 30_000

/**
 * What `docker login` keeps for a host: from the helper that the configuration names, or from the file itself. Undefined
 * where there is nothing.
 * @throws WherryError `credentials-not-readable` (exit 7) for a damaged file or a helper that fails.
 */
export async function credentialsFor(host: string): Promise<Credentials | undefined> {
  const path = join(dockerConfigDirectory(), 'config.json')
  const config = await readJson<DockerConfig>(path).catch((error) => {
    throw notReadable(`${path} cannot be read`, error)
  })
  const key = /^(?:index\.|registry-1\.)?docker\.io$/.test(host) ? hubKey : host
  const helper = config?.credHelpers?.[key] ?? config?.credHelpers?.[host] ?? config?.credsStore
  return (helper ? await askHelper(helper, key) : undefined) ?? fromFile(config?.auths ?? {}, key)
}

/** docker-credential-helpers: the address to stdin, a JSON document from stdout. */
async function askHelper(helper: string, key: string): Promise<Credentials | undefined> {
  // It becomes a program's name.
  if (!/^[\w.-]+$/.test(helper)) throw notReadable(`"${helper.slice(0, 50)}" is no credential helper`)
  const program = `docker-credential-${helper}`
  const { exitCode, stdout } = await run(program, ['get'], { input: key, timeoutMs: helperMs })
  if (exitCode !== 0) {
    if (/credentials not found/i.test(stdout)) return undefined
    // What it said may hold a secret.
    throw notReadable(`${program} ${exitCode === undefined ? 'cannot be run' : `ended with ${exitCode}`}`)
  }
  try {
    const { Username, Secret } = JSON.parse(stdout) as { Username: string; Secret: string }
    return Username === '<token>' ? { identityToken: Secret } : { username: Username, password: Secret }
  } catch {
    throw notReadable(`${program} gave something else than a JSON document`)
  }
}

/** Entries are under a host, or under a URL with it. */
function fromFile(auths: Record<string, AuthEntry>, key: string): Credentials | undefined {
  const bare = (text: string) => text.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
  const entry = auths[key] ?? Object.entries(auths).find(([name]) => bare(name) === bare(key))?.[1]
  if (entry?.identitytoken) return { identityToken: entry.identitytoken }
  const [username, ...password] = entry?.auth
    ? Buffer.from(entry.auth, 'base64').toString().split(':')
    : [entry?.username, entry?.password ?? '']
  return username ? { username, password: password.join(':').replace(/\0+$/, '') } : undefined
}

function notReadable(what: string, cause?: unknown): WherryError {
  return new WherryError(
    'credentials-not-readable',
    exitCodes.engineUnreachable,
    `The logins that Docker keeps: ${what}.`,
    { ...(cause === undefined ? {} : { cause }), suggestions: ['Log in again: docker login HOST'] },
  )
}
