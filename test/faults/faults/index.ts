import { sourceAgent, targetAgent } from './agents.ts'
import { sourceDaemon, targetDaemon } from './daemons.ts'
import { disk } from './disk.ts'
import type { Fault } from './fault.ts'
import { link } from './link.ts'
import { sigint, sigintTwice, sigkill, sigkillTwice } from './signals.ts'

/** Every fault by the name that the matrix and its table use. */
export const faults = {
  sigkill,
  'sigkill-twice': sigkillTwice,
  sigint,
  'sigint-twice': sigintTwice,
  'source-agent': sourceAgent,
  'target-agent': targetAgent,
  'source-daemon': sourceDaemon,
  'target-daemon': targetDaemon,
  link,
  disk,
} satisfies Record<string, Fault>

export type { Fault } from './fault.ts'
export type FaultName = keyof typeof faults
