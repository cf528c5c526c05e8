import type { ChunkRef } from '../agent/protocol.ts'
import type { Manifest } from '../model/manifest.ts'

/** Version of the format; a reader refuses a later one. */
export const formatVersion = 1

/** A directory that was read. */
export interface SnapshotTree {
  /** Unique in the snapshot: `volume:NAME`, `anonymous:CONTAINER:PATH`, `layer:CONTAINER`, `bind:PATH` or `memory:CONTAINER`. */
  id: string
  kind: 'volume' | 'anonymous' | 'layer' | 'bind' | 'memory'
  container: string
  /** The path inside the container; `/` for the writable layer, empty for memory. */
  destination: string
  /** The volume's name or the path on the engine's host. */
  source: string
  files: number
  directories: number
  entries: number
  /** Of all files together, holes included. */
  bytes: number
  /** SHA-256 over the tree's portable parts and chunk references, hexadecimal. */
  digest: string
  /** The tree's own bytes, in order. */
  refs: ChunkRef[]
  /** Whether the next snapshot of this directory on the same engine may go by the files' times. */
  isTrusted: boolean
}

/** An image that a snapshot carries, as `docker save` gives it, without what does not depend on the image. */
export interface SnapshotImage {
  id: string
  reference: string
  /** The archive's bytes, in order; absent where the image was kept by its reference alone. */
  refs?: ChunkRef[]
}

/** The engine that a snapshot was taken on, as far as a restore depends on it. */
export interface SnapshotEngine {
  name: string
  id: string
  hostName: string
  version: string
  architecture: string
  os: string
  storageDriver: string
}

/** How the containers stood still at the instant of the snapshot. `hooks`: only as far as a command saw to it; `none`: they did not run. */
export type Standstill = 'pause' | 'stop' | 'hooks' | 'none'

/** A snapshot, as its config blob says. Times in ISO 8601, UTC; sizes in bytes. */
export interface SnapshotConfig {
  formatVersion: typeof formatVersion
  id: string
  createdAt: string
  /** When everything stood still. */
  instant: string
  standstill: Standstill
  pauseSeconds: number
  /** Wherry's version. */
  madeBy: string
  engine: SnapshotEngine
  containers: Manifest[]
  trees: SnapshotTree[]
  images: SnapshotImage[]
  /** Variables whose values were left out. */
  redacted: { container: string; variable: string }[]
  warnings: { code: string; message: string }[]
}
