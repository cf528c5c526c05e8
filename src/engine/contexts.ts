import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { dockerConfigDirectory } from '../platform/directories.ts'
import { readJson } from '../platform/files.ts'

/** PEM files for a TLS connection. Absent parts are left to the system's defaults. */
export interface TlsMaterial {
  ca?: Buffer
  cert?: Buffer
  key?: Buffer
  /** True where the user chose not to check the engine's certificate. */
  skipVerify?: boolean
}

/** A Docker context's `docker` endpoint. */
export interface DockerContext {
  name: string
  host: string
  tls?: TlsMaterial
}

interface ContextMetadata {
  Name?: string
  Endpoints?: { docker?: { Host?: string; SkipTLSVerify?: boolean } }
}

/**
 * Reads one context from the Docker CLI's store, undefined where there is none of that name. The store is
 * `contexts/meta/<sha256 of the name>/meta.json` with PEM files under `contexts/tls/<same>/docker/` (docker/cli, package context/store).
 */
export async function readContext(name: string): Promise<DockerContext | undefined> {
  const store = join(dockerConfigDirectory(), 'contexts')
  const id = createHash('sha256').update(name).digest('hex')
  const metadata = await readJson<ContextMetadata>(join(store, 'meta', id, 'meta.json'))
  const docker = metadata?.Endpoints?.docker
  if (!docker?.Host) return undefined
  const tls = await readTlsDirectory(join(store, 'tls', id, 'docker'))
  if (docker.SkipTLSVerify && tls) tls.skipVerify = true
  return { name, host: docker.Host, ...(tls ? { tls } : {}) }
}

/** The names of all contexts in the store, `default` first, for messages and completion. */
export async function listContextNames(): Promise<string[]> {
  const meta = join(dockerConfigDirectory(), 'contexts', 'meta')
  const ids = await readdir(meta).catch(() => [])
  const all = await Promise.all(
    ids.map((id) => readJson<ContextMetadata>(join(meta, id, 'meta.json')).catch(() => undefined)),
  )
  return ['default', ...all.flatMap((metadata) => metadata?.Name ?? []).sort()]
}

/** The name of the context that the Docker CLI would use now: DOCKER_CONTEXT, else the configuration's current one. */
export async function currentContextName(): Promise<string> {
  if (process.env.DOCKER_CONTEXT) return process.env.DOCKER_CONTEXT
  const config = await readJson<{ currentContext?: string }>(join(dockerConfigDirectory(), 'config.json'))
  return config?.currentContext || 'default'
}

/** Reads `ca.pem`, `cert.pem` and `key.pem` from a directory, undefined where none of them is there. */
export async function readTlsDirectory(directory: string): Promise<TlsMaterial | undefined> {
  const read = (file: string) => readFile(join(directory, file)).catch(() => undefined)
  const [ca, cert, key] = await Promise.all([read('ca.pem'), read('cert.pem'), read('key.pem')])
  if (!ca && !cert && !key) return undefined
  return { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) }
}
