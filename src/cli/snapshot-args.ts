import { Args } from '@oclif/core'

const meaning =
  'Its id, the beginning of one, "latest", or the name of a container: the newest snapshot of it.'

/** The snapshot that a command is about. */
export const snapshotArg = Args.string({ description: meaning, required: true, noCacheDefault: true })

/** The snapshots that a command is about, as far as any are named. */
export const snapshotsArg = Args.string({ description: meaning, noCacheDefault: true })
