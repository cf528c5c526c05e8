import type { Lab } from '../../lab/harness/engines.ts'
import type { RunningCommand } from '../command.ts'

/** Where a fault strikes. */
export interface Scene {
  lab: Lab
  command: RunningCommand
  /** The migration's id. */
  migration: string
}

/** One way in which things go wrong. */
export interface Fault {
  /** For people. */
  title: string
  /** Whether the command goes on by itself after it, or has been killed. */
  kills?: boolean
  /** Prepares the engines before the migration; gives how to put that back. */
  prepare?(lab: Lab): Promise<() => Promise<void>>
  /** Strikes; gives how to lift it, which must be safe however far things have come. */
  inject(scene: Scene): Promise<() => Promise<void>>
}

export const nothingToLift = async () => {}
