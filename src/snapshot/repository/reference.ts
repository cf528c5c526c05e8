import { existsSync } from 'node:fs'
import { exitCodes, WherryError } from '../../model/errors.ts'

/** A repository in a registry, and what in it is meant. */
export interface RegistryReference {
  /** With the port where one is given, as it is named to Docker. */
  host: string
  name: string
  tag?: string
  /** `sha256:…` */
  digest?: string
}

/** What the OCI distribution-spec 1.1 allows, "Pulling manifests". */
const namePattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/
const hostPattern = /^(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::\d{1,5})?$/
const explicit = /^docker:\/\//
const maxNameLength = 255

/**
 * Whether `--repo` means a registry. What begins with `/`, `./`, `../` or `~` is a directory, and so is every name without a
 * slash. With a `.` or `:` before the first slash, or `localhost` there, it is a registry, as in an image's name;
 * `docker://HOST/NAME` is always one.
 * @throws WherryError `ambiguous-repository` (exit 2) for what could be meant as the other.
 */
export function meansRegistry(text: string): boolean {
  if (explicit.test(text)) return true
  if (/^(?:\.{0,2}\/|~|\.{1,2}$)/.test(text)) return false
  const slash = text.indexOf('/')
  const host = slash < 0 ? '' : text.slice(0, slash)
  const isRegistry = host === 'localhost' || /[.:]/.test(host)
  const isBareHost = slash < 0 && /:\d+$/.test(text)
  if ((isRegistry && existsSync(text)) || isBareHost) throw ambiguous(text, isBareHost)
  return isRegistry
}

function ambiguous(text: string, isBareHost: boolean): WherryError {
  const message = isBareHost
    ? `${text} may be a registry without a name in it, or a directory.`
    : `${text} is a directory here, and reads as a repository in a registry.`
  return new WherryError('ambiguous-repository', exitCodes.usage, message, {
    suggestions: [
      `For the directory: ./${text}`,
      `For the registry: docker://${text}${isBareHost ? '/NAME' : ''}`,
    ],
    data: { repository: text },
  })
}

/**
 * Reads `HOST[:PORT]/NAME[:TAG][@DIGEST]`, with or without `docker://` before it. A host is always needed; `docker.io` is
 * Docker Hub, where names of one part are under `library/`.
 * @throws WherryError `bad-reference` (exit 2).
 */
export function parseReference(text: string): RegistryReference {
  const [, host = '', rest = ''] = /^([^/]+)\/(.+)$/.exec(text.replace(explicit, '')) ?? []
  const [, path = '', tag, digest] = /^([^:@]+)(?::([^@]*))?(?:@(.*))?$/.exec(rest) ?? []
  const isHub = /^(?:index\.)?docker\.io$/.test(host)
  const name = isHub && !path.includes('/') ? `library/${path}` : path
  const wrong = !hostPattern.test(host)
    ? 'a host is needed, such as registry.example.com/backup/shop'
    : !namePattern.test(name) || host.length + name.length > maxNameLength
      ? 'names are of small letters, digits, and ., _ or - between them'
      : tag !== undefined && !tagPattern.test(tag)
        ? `"${tag}" cannot be a tag`
        : digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest)
          ? 'a digest is sha256: and 64 hexadecimal digits'
          : undefined
  if (wrong) {
    throw new WherryError(
      'bad-reference',
      exitCodes.usage,
      `"${text}" names nothing in a registry: ${wrong}.`,
    )
  }
  return { host, name, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) }
}

/** Whether the host is this machine, to which plain HTTP may be spoken as Docker does. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/.test(host)
}

/** Where a host's registry answers: Docker Hub has another address than its name. */
export function addressOf(host: string): string {
  return /^(?:index\.)?docker\.io$/.test(host) ? 'registry-1.docker.io' : host
}
