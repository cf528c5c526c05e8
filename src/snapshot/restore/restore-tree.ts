import { types } from '../../agent/file-types.ts'
import { assertSound, EntryWriter, type EntryWriterParts } from './entry-writer.ts'

/**
 * Turns a tree of a snapshot into the operations that make it on an engine, as a first round of a migration would. A tree that
 * makes no sense is an error before anything wrong is sent; names are judged by the agent, which follows none out of its root.
 */
export class TreeRestorer {
  readonly #parts: EntryWriterParts
  readonly entries: EntryWriter
  #depth = -1

  constructor(parts: EntryWriterParts) {
    this.#parts = parts
    this.entries = new EntryWriter(parts)
  }

  /** Does all of it. @throws RangeError for a tree that makes no sense. */
  async run(): Promise<void> {
    const { reader } = this.#parts
    for (let head = reader.peek(); head; head = reader.peek()) {
      assertSound(head, this.#depth)
      while (this.#depth > head.depth - 1) this.#leave()
      const { depth, type } = head
      await this.entries.put(head, 0)
      if (type === types.directory) this.#depth = depth
    }
    while (this.#depth >= 0) this.#leave()
  }

  #leave(): void {
    this.#parts.ops.leave()
    this.#depth--
  }
}
