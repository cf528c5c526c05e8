import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Report } from '../model/progress.ts'
import { run } from '../platform/process.ts'
import type { DebianSuite } from './base-images.ts'
import { debianMirror } from './debian-mirror.ts'
import type { OuterEngine } from './outer-engine.ts'
import { unmountUnder } from './remains.ts'
import { ensurePrograms } from './system-packages.ts'
import { labFailure } from './wait.ts'

/** What a slim image leaves out, and what debootstrap downloaded. */
const leftOut = [
  'usr/share/doc',
  'usr/share/man',
  'usr/share/info',
  'usr/share/locale',
  'var/cache/apt',
  'var/lib/apt/lists',
  'var/log/bootstrap.log',
]

/**
 * Makes a minimal Debian of a suite from the machine's mirror and imports it under a tag. Needs root. The image
 * appears whole or not at all.
 * @throws WherryError `lab-bootstrap-failed` with the end of debootstrap's output.
 */
export async function bootstrapDebian(
  outer: OuterEngine,
  workDirectory: string,
  suite: DebianSuite,
  tag: string,
  report: Report,
): Promise<void> {
  await ensurePrograms(['debootstrap'], report)
  const directory = await mkdtemp(join(workDirectory, prefix))
  try {
    await bootstrap(suite, directory, await debianMirror())
    await importImage(outer, directory, tag)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const prefix = 'debootstrap-'

/** Removes what a killed run left: its directory, perhaps with /proc mounted in it. */
export async function removeBootstrapRemains(workDirectory: string): Promise<void> {
  for (const entry of await readdir(workDirectory)) {
    if (!entry.startsWith(prefix)) continue
    await unmountUnder(join(workDirectory, entry))
    // A debootstrap that outlived its wherry may still be writing; then the next time gets it.
    await rm(join(workDirectory, entry), { recursive: true, force: true }).catch(() => undefined)
  }
}

async function bootstrap(suite: DebianSuite, directory: string, mirror: string): Promise<void> {
  const result = await run(
    'debootstrap',
    ['--variant=minbase', '--include=ca-certificates', suite, directory, mirror],
    { timeoutMs: 600_000, env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } },
  )
  if (!result.failure) {
    for (const path of leftOut) await rm(join(directory, path), { recursive: true, force: true })
    return
  }
  const log = `${result.stdout}\n${result.stderr}`
  throw labFailure('lab-bootstrap-failed', `debootstrap could not make a Debian ${suite}`, log)
}

async function importImage(outer: OuterEngine, directory: string, tag: string): Promise<void> {
  const script = 'tar -C "$1" --numeric-owner -c . | docker --host "$2" import --change "$3" - "$4"'
  const result = await run('sh', ['-c', script, 'sh', directory, outer.host, 'CMD ["bash"]', tag], {
    timeoutMs: 300_000,
  })
  if (result.failure) throw labFailure('lab-import-failed', `docker could not import ${tag}`, result.stderr)
}
