import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { host, interruption } from './host.ts'
import type { System } from './system.ts'

const checkout = fileURLToPath(new URL('../..', import.meta.url))

const prefix = 'run-'

/** What a machine is started for. */
export interface Job {
  /** The disk with the images of its engines. */
  images: string
  /** A script of bash, in the checkout. */
  script: string
  /** It is ended after so many minutes. */
  minutes: number
}

/**
 * Runs a job in a virtual machine, its output on stdout, and gives its exit status. The machine ends with this process
 * however that ends. Throws where there is no status: the machine did not start, or was ended.
 */
export async function runInMachine(system: System, directory: string, job: Job): Promise<number> {
  const own = join(directory, `${prefix}${process.pid}`)
  await mkdir(own)
  const at = (name: string) => join(own, name)
  try {
    await writeFile(at('job'), job.script)
    // A copy of the checkout: what changes here meanwhile changes nothing there.
    const packed = '-noappend -no-progress -quiet -noI -noD -noF -noX -e .git .tap'.split(' ')
    await host('mksquashfs', [checkout, at('checkout'), ...packed])
    const words = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...machineArguments(system, own, job)]
    const ended = await execa('setpriv', words, {
      // Its console takes nothing from stdin, but the port is closed when that ends.
      stdio: ['pipe', 'inherit', 'inherit'],
      cancelSignal: interruption.signal,
      timeout: job.minutes * 60_000,
      // What it writes to its disks goes to files without a name there, and goes with it.
      env: { TMPDIR: directory },
      reject: false,
    })
    if (ended.timedOut) throw new Error(`the machine was ended after ${job.minutes} minutes`)
    const status = await readFile(at('status'), 'utf8').catch(() => '')
    if (/^\d+\n$/.test(status)) return Number(status)
    const said = await readFile(at('console'), 'utf8').catch(() => '')
    throw new Error(`the machine ended without a result\n${said.slice(-3000)}`)
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}

/** Removes what a killed run left. */
export async function removeRemains(directory: string): Promise<void> {
  for (const entry of await readdir(directory)) {
    const isOver = entry.startsWith(prefix) && !existsSync(`/proc/${entry.slice(prefix.length)}`)
    if (isOver) await rm(join(directory, entry), { recursive: true, force: true })
  }
}

/**
 * Emulated: it works where there is no /dev/kvm, or none that works. V8 keeps its code behind protection keys where the
 * processor has them, and loses track of it where they are emulated.
 */
const hardware =
  '-nodefaults -no-user-config -no-reboot -display none -machine q35 -accel tcg,thread=multi -cpu max,pku=off -smp 2 -m 8G'

function machineArguments(system: System, own: string, job: Job): string[] {
  const disk = (file: string, options: string) => ['-drive', `file=${file},format=raw,if=virtio,${options}`]
  const port = (name: string, backend: string) => [
    ...['-chardev', `${backend},id=${name}`],
    ...['-device', `virtserialport,chardev=${name},name=${name}`],
  ]
  return [
    ...hardware.split(' '),
    ...['-kernel', system.kernel, '-initrd', system.initramfs],
    ...['-append', 'console=ttyS0 quiet panic=-1', '-serial', `file:${join(own, 'console')}`],
    ...disk(system.root, 'cache=unsafe,snapshot=on'),
    ...disk(join(own, 'checkout'), 'readonly=on'),
    ...disk(job.images, 'cache=unsafe,snapshot=on'),
    ...['-nic', 'user,model=virtio-net-pci', '-device', 'virtio-serial-pci'],
    ...port('output', 'stdio,signal=off'),
    ...port('status', `file,path=${join(own, 'status')}`),
    ...['-fw_cfg', `name=opt/wherry/job,file=${join(own, 'job')}`],
  ]
}
