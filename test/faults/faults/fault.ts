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
  /** Whether the command is killed by it, and does nothing more. */
  kills?: boolean
  /** Whether the command that is given then is killed too, once. */
  killsRecovery?: boolean
  /** Changes the engines before the migration, where that is needed to strike later. */
  prepare?(lab: Lab): Promise<void>
  strike(scene: Scene): Promise<void>
  /** Ends what `strike` did. Safe at any time, also where nothing had struck. */
  lift?(lab: Lab): Promise<void>
  /** Ends what `prepare` did, on engines that nothing of a case is left on. Safe at any time. */
  putBack?(lab: Lab): Promise<void>
}
