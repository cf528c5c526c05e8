import { readdir, readFile, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from '../platform/process.ts'

const cgroupRoot = '/sys/fs/cgroup'

/** Kills the processes in a cgroup and the ones below it. The cgroup's name is the proof that they are the lab's. */
export async function killCgroup(name: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const pids = new Set<number>()
    for (const directory of await cgroupDirectories(name)) {
      for (const below of await directoriesBelow(directory)) {
        const text = await readFile(join(below, 'cgroup.procs'), 'utf8').catch(() => '')
        for (const pid of text.split('\n').map(Number)) if (pid > 1) pids.add(pid)
      }
    }
    if (pids.size === 0) return
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It went with another one.
      }
    }
    await sleep(100)
  }
}

/** Removes a cgroup and the ones below it from every hierarchy, as far as they are empty. */
export async function removeCgroups(name: string): Promise<void> {
  for (const directory of await cgroupDirectories(name)) {
    for (const below of (await directoriesBelow(directory)).reverse())
      await rmdir(below).catch(() => undefined)
  }
}

/** The names of all cgroups that labs of this machine have made; only empty ones can be removed. */
export async function labCgroups(): Promise<string[]> {
  const lists = await Promise.all((await cgroupRoots()).map((root) => readdir(root).catch(() => [])))
  const names = new Set(lists.flat().filter((name) => /^wherry-lab-[0-9a-f]{8}/.test(name)))
  return [...names].map((name) => `/${name}`)
}

/** Where a cgroup is: in each hierarchy of cgroup v1, or in the one of v2. */
async function cgroupDirectories(name: string): Promise<string[]> {
  const found: string[] = []
  for (const root of await cgroupRoots()) {
    const path = join(root, name)
    if (await readdir(path).catch(() => undefined)) found.push(path)
  }
  return found
}

async function cgroupRoots(): Promise<string[]> {
  const hierarchies = await readdir(cgroupRoot, { withFileTypes: true }).catch(() => [])
  const directories = hierarchies.filter((entry) => entry.isDirectory())
  return [cgroupRoot, ...directories.map(({ name }) => join(cgroupRoot, name))]
}

/** A directory and the ones below it, parents first. */
async function directoriesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  const children = entries.filter((entry) => entry.isDirectory()).map((entry) => join(directory, entry.name))
  return [directory, ...(await Promise.all(children.map(directoriesBelow))).flat()]
}

/** Unmounts whatever is mounted under a directory, the innermost first. */
export async function unmountUnder(directory: string): Promise<void> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')
  for (const mount of mountsUnder(table, directory)) await run('umount', ['-l', mount], { timeoutMs: 20_000 })
}

/** The mount points under a directory, the innermost first, from /proc/self/mountinfo (see proc(5)). Pure. */
export function mountsUnder(mountinfo: string, directory: string): string[] {
  const points = mountinfo.split('\n').flatMap((line) => line.split(' ')[4] ?? [])
  return points
    .map((point) =>
      point.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
    )
    .filter((point) => point === directory || point.startsWith(`${directory}/`))
    .reverse()
}

/** Removes a bridge if it is there. */
export async function removeBridge(name: string): Promise<void> {
  if ((await run('ip', ['link', 'show', name], { timeoutMs: 10_000 })).failure) return
  await run('ip', ['link', 'delete', name], { timeoutMs: 10_000 })
}
