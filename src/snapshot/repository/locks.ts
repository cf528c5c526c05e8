import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Report } from '../../model/progress.ts'
import { type Holder, holder, isHeld, keepTouching, locked, writeLock } from './mutex.ts'

/** Many may add to a repository and read from it at once (`shared`); who removes from it must be alone (`exclusive`). */
export type LockKind = 'shared' | 'exclusive'

export interface LockOptions {
  directory: string
  kind: LockKind
  /** For whoever has to wait. */
  purpose: string
  /** How long to wait for others. */
  patienceMs: number
  report: Report
}

/**
 * Does something with a repository locked. Each holder has a file of its own; whoever comes writes its file first and looks
 * at the others then, so that of two that come at once at least one sees the other.
 * @throws WherryError `repository-locked` (exit 6).
 */
export async function withLock<T>(options: LockOptions, action: () => Promise<T>): Promise<T> {
  const { directory, kind, purpose, patienceMs, report } = options
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const { pid, host } = holder(purpose)
  // Drawn at random: a process of the same id that died may have left a lock.
  const path = join(directory, `${kind}-${encodeURIComponent(host)}-${pid}-${randomBytes(4).toString('hex')}`)
  const until = performance.now() + patienceMs
  let hasTold = false
  for (;;) {
    await writeLock(path, holder(purpose))
    const other = await conflict(directory, kind, path)
    if (!other) break
    await rm(path, { force: true })
    if (performance.now() > until) throw locked(other.path, other)
    if (!hasTold)
      report({
        type: 'note',
        message: `waiting: ${other.purpose} by process ${other.pid} on ${other.host} works in the repository`,
      })
    hasTold = true
    await delay(200 + Math.random() * 300)
  }
  const stop = keepTouching(path)
  try {
    return await action()
  } finally {
    stop()
    await rm(path, { force: true })
  }
}

async function conflict(
  directory: string,
  kind: LockKind,
  own: string,
): Promise<(Holder & { path: string }) | undefined> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name)
    if (path === own || (kind === 'shared' && !name.startsWith('exclusive-'))) continue
    if (name.endsWith('.tmp')) continue
    const held = await isHeld(path)
    if (held) return { ...held, path }
    // Each holder has a name of its own: this one is nobody's any more.
    await rm(path, { force: true })
  }
  return undefined
}
