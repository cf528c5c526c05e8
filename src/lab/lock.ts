import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Report } from '../model/progress.ts'
import { waitFor } from './wait.ts'

/** Held by one lab command at a time; the file holds the holder's process id. */
export interface LabLock extends AsyncDisposable {
  path: string
}

/**
 * Takes the lab's lock, waiting up to 15 minutes for another lab command to end. A lock whose process is gone is
 * taken over.
 */
export async function lockLab(path: string, report: Report): Promise<LabLock> {
  await mkdir(dirname(path), { recursive: true })
  let told = false
  await waitFor({ what: `another lab command to end (${path})`, timeoutMs: 900_000 }, async () => {
    if (await tryLock(path)) return true
    if (await removeStale(path)) return undefined
    if (!told) report({ type: 'note', message: 'another lab command is running; waiting for it' })
    told = true
    return undefined
  })
  return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) }
}

/** The file appears with its content in it, so that nobody ever sees a lock without a holder. */
async function tryLock(path: string): Promise<boolean> {
  const own = `${path}.${randomUUID()}`
  await writeFile(own, await identityOf(process.pid))
  try {
    await link(own, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await unlink(own)
  }
}

/** Removes a lock whose holder is dead; true when there is none any more. */
async function removeStale(path: string): Promise<boolean> {
  const holder = await readLock(path)
  if (holder === undefined) return true
  if (await isAlive(holder)) return false
  // Two processes may find the same stale lock: each renames away what it finds and looks at it again, because a new
  // holder may have come in between. Its lock goes back, unless another one was taken meanwhile.
  const taken = `${path}.${randomUUID()}`
  await rename(path, taken).catch(() => undefined)
  if ((await readLock(taken)) !== holder) await link(taken, path).catch(() => undefined)
  await unlink(taken).catch(() => undefined)
  return true
}

async function readLock(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}

async function isAlive(holder: string): Promise<boolean> {
  const pid = Number.parseInt(holder, 10)
  if (!Number.isInteger(pid)) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return holder === (await identityOf(pid))
}

/**
 * A process's id, and where there is a /proc the boot and the moment it started in: after a reboot the same id is
 * somebody else's. The start is field 22 of /proc/PID/stat, see proc(5).
 */
async function identityOf(pid: number): Promise<string> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim()
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The command's name, field 2, stands in parentheses and may hold anything.
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  return `${pid} ${started} ${boot}\n`
}
