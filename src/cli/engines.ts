import { connectEngine } from '../engine/connect.ts'
import type { Engine } from '../engine/engine.ts'

/** Engines for the length of one command; all are closed with it. */
export class OpenEngines implements AsyncDisposable {
  /** Those that were asked for. */
  readonly asked: Engine[] = []
  /** Those that came to it. */
  readonly further: Engine[] = []

  /** Connects to each; to the current engine where none is named. */
  static async connect(names: readonly string[]): Promise<OpenEngines> {
    const engines = new OpenEngines()
    try {
      for (const name of names.length > 0 ? names : [undefined]) {
        engines.asked.push(await connectEngine(name))
      }
    } catch (error) {
      await engines[Symbol.asyncDispose]()
      throw error
    }
    return engines
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const engine of [...this.asked, ...this.further]) await engine.close()
  }
}
