import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { AgentError } from './errors.ts'

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
 * Freezes containers and thaws them: when told, when a limit is over, and when this process ends, whoever ended it. So a
 * connection that breaks never leaves them frozen, as `docker pause` would.
 */
export class Freezer {
  #frozen: Freezable[] = []
  #limit: NodeJS.Timeout | undefined
  #wasThawed = false

  /**
   * Freezes everything in the containers of these ids. `root` is where control groups are mounted, of the host's namespaces.
   * @throws AgentError `cannot-freeze`; then nothing is frozen.
   */
  async freeze({ containers, root, limitSeconds }: FreezeParams): Promise<void> {
    const groups = containers.map((container) => groupOf(container, root))
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
    } catch (error) {
      this.thaw()
      throw error instanceof AgentError ? error : cannotFreeze(containers.join(', '), error)
    }
  }

  /** Lets them go on; safe to call twice. Returns whether they had been frozen until now. */
  thaw(): boolean {
    clearTimeout(this.#limit)
    const wasFrozen = this.#frozen.length > 0 && !this.#wasThawed
    for (const { file, words } of this.#frozen.splice(0)) {
      try {
        writeFileSync(file, words.thaw)
      } catch {
        // Its container has ended.
      }
    }
    return wasFrozen
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

function cannotFreeze(container: string, cause?: unknown): AgentError {
  return new AgentError('cannot-freeze', `Container ${container.slice(0, 12)} could not be frozen`, { cause })
}
