import { RefusedError } from '../model/errors.ts'
import { run } from '../platform/process.ts'

/** One package index of this machine's apt configuration. */
interface AptSource {
  uri: string
  release: string
  origin: string
}

/** One line per index: address, suite and origin, as `apt-get indextargets --format` fills them in. */
const indexFormat = '$(REPO_URI) $(RELEASE) $(ORIGIN)'

/** Parses lines in `indexFormat`; an origin that apt does not know yet stays unexpanded or empty. Pure. */
export function parseIndexTargets(output: string): AptSource[] {
  return output.split('\n').flatMap((line) => {
    const [uri, release, ...origin] = line.trim().split(' ')
    if (!uri || !release) return []
    return [{ uri: uri.replace(/\/+$/, ''), release, origin: origin.join(' ').replace('$(ORIGIN)', '') }]
  })
}

/**
 * The address of the Debian archive among a machine's sources: not a security archive and not a third party's.
 * Undefined where there is none. Pure.
 */
export function chooseMirror(sources: readonly AptSource[]): string | undefined {
  const archives = sources.filter(({ release }) => !/security|updates|backports/.test(release))
  const known = archives.find(({ origin }) => origin === 'Debian')
  const likely = archives.find(({ origin, uri }) => origin === '' && /\/debian$/.test(uri))
  return (known ?? likely)?.uri
}

/**
 * The Debian mirror that this machine uses, or the one in WHERRY_LAB_MIRROR.
 * @throws RefusedError `lab-needs-mirror` where the machine has no Debian in its apt configuration.
 */
export async function debianMirror(): Promise<string> {
  if (process.env.WHERRY_LAB_MIRROR) return process.env.WHERRY_LAB_MIRROR
  const targets = await run('apt-get', ['indextargets', '--format', indexFormat, 'Created-By: Packages'], {
    timeoutMs: 20_000,
  })
  const mirror = chooseMirror(parseIndexTargets(targets.stdout))
  if (mirror) return mirror
  throw new RefusedError('lab-needs-mirror', 'no registry answers, and no Debian mirror is configured here', {
    suggestions: ['Set WHERRY_LAB_MIRROR to the address of a Debian mirror', 'Or pull debian:trixie-slim'],
  })
}
