import { createHash } from 'node:crypto'
import { chmod, copyFile, cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { debianMirror } from '../../src/lab/debian-mirror.ts'
import { unmountUnder } from '../../src/lab/remains.ts'
import { makeDisk } from './disks.ts'
import { host, say } from './host.ts'

/** What the machine boots: Debian's kernel, drivers for its disks, and a Debian with a Docker engine. */
export interface System {
  kernel: string
  initramfs: string
  /** The disk with the root file system. */
  root: string
  /** A directory with the same. */
  tree: string
  /** Differs where the system does. */
  key: string
}

/** What is in the machine's Debian beyond the minimum: the outer engine, what the lab and tests call, and what one looks with. */
const packages = `docker.io iptables iproute2 nftables kmod procps openssl openssh-client ca-certificates
  python3-minimal debootstrap xz-utils git tcpdump`.split(/\s+/)
/** The drivers without which the root is not reached; the rest is loaded from there. */
const drivers = ['virtio_pci', 'virtio_blk', 'ext4', 'squashfs', 'overlay']
const init = fileURLToPath(new URL('guest/initramfs-init', import.meta.url))

/** The system in this directory, made where it is not there or was made in another way. */
export async function ensureSystem(directory: string): Promise<System> {
  const made = JSON.stringify([packages, drivers, await readFile(init, 'utf8')])
  const key = createHash('sha256').update(made).digest('hex').slice(0, 12)
  const place = join(directory, `system-${key}`)
  const earlier = (await readdir(directory)).filter((entry) => entry.startsWith('system-'))
  if (!earlier.includes(basename(place))) {
    for (const entry of earlier) await removeTree(join(directory, entry))
    const making = `${place}.making`
    try {
      await makeSystem(making)
      await rename(making, place)
    } finally {
      await removeTree(making)
    }
  }
  const at = (name: string) => join(place, name)
  return { kernel: at('vmlinuz'), initramfs: at('initramfs'), root: at('disk'), tree: at('root'), key }
}

async function makeSystem(directory: string): Promise<void> {
  await mkdir(directory)
  const root = join(directory, 'root')
  say('making a Debian with debootstrap')
  const include = `--include=${packages.join(',')}`
  const release = /^VERSION_CODENAME=(\w+)/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? ''
  const log = { stdout: { file: join(directory, 'debootstrap.log') } }
  await host(log)('debootstrap', ['--variant=minbase', include, release, root, await debianMirror()])
  await rm(join(root, 'var/cache/apt'), { recursive: true })
  say('adding the kernel')
  const version = await unpackKernel(directory)
  await cp(join(directory, 'kernel/lib/modules'), join(root, 'lib/modules'), { recursive: true })
  await host('chroot', [root, 'depmod', version])
  await makeInitramfs(directory, root, version)
  await makeDisk(root, join(directory, 'disk'))
  await removeTree(join(directory, 'kernel'))
}

/** Unpacks the package that Debian's newest kernel is in. Gives the kernel's version. */
async function unpackKernel(directory: string): Promise<string> {
  const { stdout } = await host('apt-cache', ['depends', 'linux-image-amd64'])
  const name = /Depends: (linux-image-\S+)/.exec(stdout)?.[1]
  if (!name) throw new Error('apt knows no linux-image-amd64: a Debian on amd64 is needed')
  await unpackPackage(name, directory, 'kernel')
  const version = name.replace('linux-image-', '')
  await copyFile(join(directory, 'kernel/boot', `vmlinuz-${version}`), join(directory, 'vmlinuz'))
  return version
}

/** Unpacks a Debian package into a directory of its own; nothing is installed. */
async function unpackPackage(name: string, directory: string, own: string): Promise<void> {
  await host({ cwd: directory })('apt-get', ['download', '-o', 'APT::Sandbox::User=root', name])
  const file = (await readdir(directory)).find((entry) => entry.endsWith('.deb')) ?? ''
  await host('dpkg', ['-x', join(directory, file), join(directory, own)])
  await rm(join(directory, file))
}

async function makeInitramfs(directory: string, root: string, version: string): Promise<void> {
  const tree = join(directory, 'initramfs-tree')
  await unpackPackage('busybox-static', directory, 'initramfs-tree')
  await mkdir(join(tree, 'modules'))
  await copyFile(init, join(tree, 'init'))
  await chmod(join(tree, 'init'), 0o755)
  const files = new Set<string>()
  for (const driver of drivers) {
    const args = [root, 'modprobe', '--show-depends', '-S', version, driver]
    const { stdout } = await host('chroot', args)
    for (const [, file = ''] of stdout.matchAll(/^insmod (\S+)/gm)) files.add(file)
  }
  for (const file of files) await copyFile(join(root, file), join(tree, 'modules', basename(file)))
  await writeFile(join(tree, 'modules/order'), [...files].map((file) => `${basename(file)}\n`).join(''))
  const script = 'cd "$1" && find . | cpio -o -H newc --quiet | gzip -1 > "$2"'
  await host('sh', ['-c', script, 'sh', tree, join(directory, 'initramfs')])
  await removeTree(tree)
}

/** A debootstrap that was ended may have left /proc mounted: nothing must be removed through it. */
async function removeTree(directory: string): Promise<void> {
  await unmountUnder(directory)
  await rm(directory, { recursive: true, force: true })
}
