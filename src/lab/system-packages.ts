import { access, constants, readFile, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { RefusedError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { run } from '../platform/process.ts'
import { labFailure } from './wait.ts'

/** Programs of the machine that the lab may need, and the Debian packages that have them. */
const packageOf: Readonly<Record<string, string>> = {
  dockerd: 'docker.io',
  docker: 'docker.io',
  iptables: 'iptables',
  debootstrap: 'debootstrap',
  openssl: 'openssl',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
}

/** The Debian packages that are needed for these programs, given which of them are there. Pure. */
export function packagesFor(programs: readonly string[], found: ReadonlySet<string>): string[] {
  const missing = programs.filter((program) => !found.has(program))
  return [...new Set(missing.map((program) => packageOf[program] ?? program))]
}

/** Which of the programs are on the PATH, or where daemons live. */
export async function findPrograms(programs: readonly string[]): Promise<Set<string>> {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin']
  const found = new Set<string>()
  for (const program of programs) {
    for (const directory of directories) {
      const there = await access(join(directory, program), constants.X_OK).then(
        () => true,
        () => false,
      )
      if (there) found.add(program)
    }
  }
  return found
}

/** Whether an os-release file describes Debian or a descendant. */
export function isDebianLike(osRelease: string): boolean {
  return /^(ID|ID_LIKE)=.*\b(debian|ubuntu)\b/m.test(osRelease)
}

/**
 * Makes sure that the programs are there, with apt-get where they are not.
 * @throws RefusedError `lab-needs-program` where this user or this system cannot install them.
 */
export async function ensurePrograms(programs: readonly string[], report: Report): Promise<void> {
  const missing = packagesFor(programs, await findPrograms(programs))
  if (missing.length === 0) return
  const osRelease = await readFile('/etc/os-release', 'utf8').catch(() => '')
  if (process.getuid?.() !== 0 || !isDebianLike(osRelease)) {
    throw new RefusedError('lab-needs-program', `the lab needs ${missing.join(', ')}, not installed here`, {
      suggestions: [`Install ${missing.join(', ')}`, 'Or start a Docker engine that `docker version` finds'],
    })
  }
  report({ type: 'note', message: `installing ${missing.join(', ')}` })
  await withoutServices(() => aptInstall(missing))
}

async function aptInstall(packages: readonly string[]): Promise<void> {
  const install = () =>
    run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
      timeoutMs: 300_000,
    })
  if (!(await install()).failure) return
  // The package lists may be old or not there yet.
  await run('apt-get', ['update'], { timeoutMs: 120_000 })
  const second = await install()
  if (!second.failure) return
  throw labFailure(
    'lab-install-failed',
    `apt-get could not install ${packages.join(', ')}`,
    second.stderr || second.stdout,
  )
}

/** Debian's packages start their daemons when installed, unless this policy file says no. */
async function withoutServices(action: () => Promise<void>): Promise<void> {
  const policy = '/usr/sbin/policy-rc.d'
  const ours = await writeFile(policy, '#!/bin/sh\nexit 101\n', { flag: 'wx', mode: 0o755 }).then(
    () => true,
    () => false,
  )
  try {
    await action()
  } finally {
    if (ours) await rm(policy, { force: true })
  }
}
