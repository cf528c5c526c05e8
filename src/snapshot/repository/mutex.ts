import { link, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { exitCodes, WherryError } from '../../model/errors.ts'
import { isAlive } from '../../platform/alive.ts'

/** What is in a lock: who has it. */
export interface Holder {
  pid: number
  host: string
  /** ISO 8601, UTC. */
  since: string
  /** What for, such as `snapshot create`. */
  purpose: string
}

/** Whoever holds a lock touches it so often; one that nobody touches for `staleMs` is nobody's. */
const touchMs = 20_000
const staleMs = 180_000
const patienceMs = 30_000

/** Who this process is. */
export function holder(purpose: string): Holder {
  return { pid: process.pid, host: hostname(), since: new Date().toISOString(), purpose }
}

/** Whether whoever wrote a lock may still be there. One of another host is known by its touches alone. */
export async function isHeld(path: string): Promise<Holder | undefined> {
  const [content, found] = await Promise.all([
    readFile(path, 'utf8').catch(() => undefined),
    stat(path).catch(() => undefined),
  ])
  if (content === undefined || !found) return undefined
  const isStale = Date.now() - found.mtimeMs > staleMs
  try {
    const of = JSON.parse(content) as Holder
    const isGone = of.host === hostname() && !isAlive(of.pid)
    return isGone || isStale ? undefined : of
  } catch {
    // Cut off by a crash, or being written just now.
    return isStale ? undefined : { pid: 0, host: '', since: '', purpose: 'unknown' }
  }
}

/** Keeps a lock from looking abandoned; the returned function ends that. */
export function keepTouching(path: string): () => void {
  const timer = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), touchMs)
  timer.unref()
  return () => clearInterval(timer)
}

/** Writes a lock's file, complete from the first moment. @returns false when there is one. */
export async function writeLock(path: string, content: Holder): Promise<boolean> {
  const temporary = unique(path)
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(JSON.stringify(content))
  } finally {
    await file.close()
  }
  try {
    await link(temporary, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(temporary, { force: true })
  }
}

/**
 * Takes an abandoned lock away. Others may be doing the same, and one may have it already: what was taken away is looked at
 * again, and put back when it is not abandoned.
 */
async function breakAbandoned(path: string): Promise<void> {
  const aside = unique(path)
  try {
    await rename(path, aside)
    if (await isHeld(aside)) await link(aside, path)
  } catch {
    // Somebody else was quicker.
  } finally {
    await rm(aside, { force: true })
  }
}

function unique(path: string): string {
  return `${path}.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`
}

/**
 * Takes a lock if nobody has it, without waiting. It is not taken back from whoever holds it.
 * @returns what ends it; undefined while somebody else has it.
 */
export async function claim(path: string, purpose: string): Promise<(() => Promise<void>) | undefined> {
  for (let attempt = 0; !(await writeLock(path, holder(purpose))); attempt++) {
    if (attempt > 2 || (await isHeld(path))) return undefined
    await breakAbandoned(path)
  }
  const stop = keepTouching(path)
  return async () => {
    stop()
    await rm(path, { force: true })
  }
}

/** Does something short while nobody else does, on this machine or another that shares the directory. */
export async function withMutex<T>(path: string, action: () => Promise<T>): Promise<T> {
  const until = performance.now() + patienceMs
  while (!(await writeLock(path, holder('change of the list')))) {
    const held = await isHeld(path)
    if (!held) await breakAbandoned(path)
    else if (performance.now() > until) throw locked(path, held)
    else await delay(20 + Math.random() * 30)
  }
  const stop = keepTouching(path)
  try {
    return await action()
  } finally {
    stop()
    await rm(path, { force: true })
  }
}

/** The error for a repository in which somebody else is at work. */
export function locked(path: string, { pid, host, since, purpose }: Holder): WherryError {
  return new WherryError(
    'repository-locked',
    exitCodes.locked,
    `The repository is in use: ${purpose} by process ${pid} on ${host}, since ${since}.`,
    { suggestions: ['Try again when that has ended.'], data: { lock: path, pid, host, since, purpose } },
  )
}
