import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { AgentError } from './errors.ts'
import { failure, flags, lastErrno, system } from './system.ts'

/** How to freeze one control group: version 2 has a file of its own, version 1 a hierarchy (kernel: cgroup-v2.rst, freezer-subsystem.rst). */
interface Freezable {
  container: string
  file: string
  words: { freeze: string; thaw: string }
  isFrozen(): boolean
}

/** What is not frozen by then does something that cannot be interrupted. */
const freezeMilliseconds = 5_000
/**
 * Who froze a container is not told by its control group; whoever holds a lock on the group's file is waited for, so long. Then only one that
 * is frozen is left alone: anybody in a container may lock the file.
 */
const waitMilliseconds = 30_000
const pollMilliseconds = 20

/**
 * Freezes containers and thaws them: when told, when a limit is over, and when this process ends, whoever ended it. So a
 * connection that breaks never leaves them frozen, as `docker pause` would.
 */
export class Freezer {
  #frozen: Freezable[] = []
  /** Files that are locked until `release`: nobody else thaws what is read here, nor freezes what commands are run in afterwards. */
  #locks: number[] = []
  #isCalledOff = false
  #limit: NodeJS.Timeout | undefined
  #wasThawed = false

  /**
   * Freezes everything in the containers of these ids, when nobody else has frozen any of them. `root` is where control groups are
   * mounted, of the host's namespaces. @returns for how long they have been frozen.
   * @throws AgentError `cannot-freeze`, `frozen-by-other`; then nothing is frozen.
   */
  async freeze({ containers, root, limitSeconds }: FreezeParams): Promise<{ milliseconds: number }> {
    const groups = containers.map((container) => groupOf(container, root))
    await this.#lock(groups)
    const startedMs = performance.now()
    this.#wasThawed = false
    this.#frozen = groups
    this.#limit = setTimeout(() => this.#overdue(), limitSeconds * 1000)
    try {
      for (const { file, words } of groups) writeFileSync(file, words.freeze)
      const until = performance.now() + freezeMilliseconds
      while (!groups.every((group) => group.isFrozen())) {
        if (performance.now() > until)
          throw cannotFreeze(groups.find((group) => !group.isFrozen())?.container ?? '')
        await delay(2)
      }
      return { milliseconds: performance.now() - startedMs }
    } catch (error) {
      this.thaw()
      this.release()
      throw error instanceof AgentError ? error : cannotFreeze(containers.join(', '), error)
    }
  }

  /** Lets them go on; safe to call twice. Returns whether they had been frozen until now. */
  thaw(): boolean {
    clearTimeout(this.#limit)
    const wasFrozen = this.#frozen.length > 0 && !this.#wasThawed && this.#frozen.every(isStillFrozen)
    for (const { file, words } of this.#frozen.splice(0)) {
      try {
        writeFileSync(file, words.thaw)
      } catch {
        // Its container has ended.
      }
    }
    return wasFrozen
  }

  /** Lets others freeze them, when nothing more is to be done in them. */
  release(): void {
    for (const lock of this.#locks.splice(0)) closeSync(lock)
  }

  /** Ends the waiting for others. */
  callOff(): void {
    this.#isCalledOff = true
  }

  /** In one order for all, so that two who want the same ones do not wait for each other. */
  async #lock(groups: readonly Freezable[]): Promise<void> {
    const until = performance.now() + waitMilliseconds
    this.release()
    try {
      for (const group of groups.toSorted((a, b) => (a.file < b.file ? -1 : 1))) {
        const lock = openSync(group.file, 'r')
        this.#locks.push(lock)
        while (system.flock(lock, flags.lockAloneOrFail) < 0) {
          if (!['EAGAIN', 'EWOULDBLOCK'].includes(lastErrno())) throw failure('flock')
          const isOver = performance.now() > until
          if (this.#isCalledOff || (isOver && group.isFrozen())) throw frozenByOther(group.container)
          if (isOver) break
          await delay(pollMilliseconds)
        }
      }
    } catch (error) {
      this.release()
      throw error instanceof AgentError ? error : cannotFreeze(groups[0]?.container ?? '', error)
    }
  }

  #overdue(): void {
    this.thaw()
    this.#wasThawed = true
  }
}

export interface FreezeParams {
  containers: string[]
  root: string
  limitSeconds: number
}

/** The control group of a container, found by its id in what its processes say of theirs. */
function groupOf(container: string, root: string): Freezable {
  for (const process of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const found = groupIn(process, container, root)
    if (found) return found
  }
  throw cannotFreeze(container)
}

function groupIn(process: string, container: string, root: string): Freezable | undefined {
  let lines: string[]
  try {
    lines = readFileSync(`/proc/${process}/cgroup`, 'latin1').split('\n')
  } catch {
    return undefined
  }
  for (const line of lines.filter((one) => one.includes(container))) {
    const [number, controllers = '', path = ''] = line.split(':')
    const names = path.split('/')
    // Processes may be in groups of their own below the container's.
    const own = names.slice(0, names.findIndex((name) => name.includes(container)) + 1).join('/')
    const second = join(root, own, 'cgroup.freeze')
    if (number === '0' && existsSync(second)) return version2(container, second)
    const first = join(root, 'freezer', own, 'freezer.state')
    if (controllers.split(',').includes('freezer') && existsSync(first)) return version1(container, first)
  }
  return undefined
}

function version2(container: string, file: string): Freezable {
  const events = file.replace(/freeze$/, 'events')
  return {
    container,
    file,
    words: { freeze: '1', thaw: '0' },
    isFrozen: () => /^frozen 1$/m.test(readFileSync(events, 'latin1')),
  }
}

function version1(container: string, file: string): Freezable {
  return {
    container,
    file,
    words: { freeze: 'FROZEN', thaw: 'THAWED' },
    isFrozen: () => readFileSync(file, 'latin1').trim() === 'FROZEN',
  }
}

/** One that has ended does nothing any more either. */
function isStillFrozen(group: Freezable): boolean {
  try {
    return group.isFrozen()
  } catch {
    return true
  }
}

function frozenByOther(container: string): AgentError {
  return new AgentError(
    'frozen-by-other',
    `Container ${container.slice(0, 12)} is kept frozen by somebody else`,
  )
}

function cannotFreeze(container: string, cause?: unknown): AgentError {
  return new AgentError('cannot-freeze', `Container ${container.slice(0, 12)} could not be frozen`, { cause })
}
