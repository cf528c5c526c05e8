import type { OpsWriter } from './ops.ts'

interface Directory {
  name: string
  /** Its time of modification, as in `struct statx`. */
  modified: Buffer
  isEntered: boolean
}

/** Which of the directories down to the current one the target has been sent into: it need not see unchanged ones. */
export class TargetPosition {
  readonly #ops: OpsWriter
  readonly #directories: Directory[] = []

  constructor(ops: OpsWriter) {
    this.#ops = ops
  }

  /** The walk goes into a directory. An operation may have sent the target there already. */
  push(name: string, modified: Buffer, isEntered: boolean): void {
    this.#directories.push({ name, modified, isEntered })
  }

  /** The walk goes up, and the target with it if it is there. */
  pop(): void {
    if (this.#directories.pop()?.isEntered) this.#ops.leave()
  }

  /** Sends the target into every directory down to the current one, where it is not there yet. */
  catchUp(): void {
    let first = this.#directories.length
    while (first > 0 && !this.#directories[first - 1]?.isEntered) first--
    for (const directory of this.#directories.slice(first)) {
      directory.isEntered = true
      this.#ops.enter(directory.name, directory.modified)
    }
  }
}
