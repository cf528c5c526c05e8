import { execa } from 'execa'
import { findPrograms } from '../../src/lab/system-packages.ts'

/** Ends what runs on this machine for the virtual one, when the script is told to end. */
export const interruption = new AbortController()

/** Runs a program of this machine, what it says on stderr. Throws where it fails, or when the script is told to end. */
export const host = execa({
  stdin: 'ignore',
  stderr: 'inherit',
  env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  cancelSignal: interruption.signal,
})

/** What makes the machine and its disks, and the Debian packages that have it. */
const packageOf: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  debootstrap: 'debootstrap',
  mksquashfs: 'squashfs-tools',
  'mkfs.ext4': 'e2fsprogs',
  cpio: 'cpio',
}

/** Installs the programs that are missing. */
export async function ensurePrograms(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('root is needed, to make a Debian with debootstrap')
  const found = await findPrograms(Object.keys(packageOf))
  const missing = Object.keys(packageOf).filter((program) => !found.has(program))
  if (missing.length === 0) return
  const packages = missing.map((program) => packageOf[program] ?? program)
  say(`installing ${packages.join(', ')}`)
  const install = host({ stdout: 'ignore', env: { DEBIAN_FRONTEND: 'noninteractive' } })
  await install('apt-get', ['install', '-y', '--no-install-recommends', ...packages])
}

/** Tells what is done now. */
export function say(message: string): void {
  process.stderr.write(`vm: ${message}\n`)
}
