/** Something in a repository that is not there or not what it was. */
export interface Damage {
  kind: 'layout' | 'list' | 'manifest' | 'key' | 'config' | 'index' | 'pack' | 'chunk' | 'tree'
  /** A file's name, a blob's digest, `DIGEST of PACK` for a chunk, or a tree's id. */
  name: string
  problem: 'missing' | 'damaged'
  message: string
  /** Ids of the snapshots that need it, as far as they are known. */
  snapshots: string[]
}

/** Collects what is damaged, each thing once with all snapshots that need it. */
export class Damages {
  readonly #found = new Map<string, Damage>()

  get all(): Damage[] {
    return [...this.#found.values()]
  }

  /** Whether something of that name was found damaged or missing. */
  has(name: string): boolean {
    return this.#found.has(name)
  }

  add(damage: Omit<Damage, 'snapshots'>, snapshot?: string): void {
    const known = this.#found.get(damage.name) ?? { ...damage, snapshots: [] }
    this.#found.set(damage.name, known)
    if (snapshot !== undefined) this.affects(damage.name, snapshot)
  }

  /** Notes that a snapshot needs it. */
  affects(name: string, snapshot: string): void {
    const known = this.#found.get(name)
    if (known && !known.snapshots.includes(snapshot)) known.snapshots.push(snapshot)
  }
}
