/**
 * The requests that an agent answers, as JSON on the control channel: `{id, request, params}` is answered by
 * `{id, result}` or `{id, error: {code, message, data, suggestions}}`; `{event, …}` comes unasked.
 * Times are in seconds, sizes in bytes.
 */
import type { DirectSecret } from './direct.ts'
import type { FreezeParams } from './freeze.ts'
import type { HostDirectoriesParams } from './host-directories.ts'
import type { Measure } from './measure.ts'
import type { LinkMeasure, LinkMeasureParams } from './network/measure-link.ts'
import type { Probe, ProbeParams } from './probe.ts'

/** Both sides must have the same; an agent's image is made from the CLI's own package. */
export const protocolVersion = 3

export interface TreeParams {
  /** Names the tree in errors, results and the catalog's file name. */
  id: string
  path: string
}

export interface TreeState {
  /** Digest of the stored catalog, absent when there is none. */
  digest?: string
}

/** A tree after a round, as the source saw it. */
export interface SentTree {
  id: string
  files: number
  directories: number
  totalBytes: number
  allocatedBytes: number
  bytesSent: number
  filesSent: number
  deleted: number
  /** Entries with an attribute that is not carried (`security.selinux`), unchanged ones included. */
  skippedAttributes: number
  digest: string
}

/** A tree as it was read for a snapshot. */
export interface ReadTree extends Omit<SentTree, 'bytesSent' | 'filesSent'> {
  entries: number
  filesRead: number
  bytesRead: number
  /** Whether the next snapshot may go by the files' times. */
  isTrusted: boolean
}

/** A piece of content by its SHA-256, hexadecimal. */
export interface ChunkRef {
  digest: string
  length: number
}

export interface Requests {
  hello: { params: object; result: { version: number; pid: number; missingCapabilities: string[] } }
  probe: { params: ProbeParams; result: Probe }
  measureTree: { params: { path: string; limitSeconds?: number }; result: Measure }
  makeDirectories: { params: HostDirectoriesParams & { paths: string[] }; result: { made: string[] } }
  removeDirectories: { params: HostDirectoriesParams; result: object }
  kill: { params: { container: string }; result: { killed: number } }
  /** Asked of an agent in the host's namespaces of processes and control groups. */
  freeze: { params: FreezeParams; result: { milliseconds: number } }
  /** `wasFrozen`: false when the limit had been over before. */
  thaw: { params: object; result: { wasFrozen: boolean } }
  /** Others may freeze them now. */
  releaseFrozen: { params: object; result: object }
  listen: { params: DirectSecret; result: { port: number } }
  /** Answered when the other side has connected. */
  accept: { params: object; result: { address: string } }
  stopListening: { params: object; result: object }
  dial: {
    params: DirectSecret & { addresses: string[]; port: number; timeoutMilliseconds: number }
    result: { address: string }
  }
  /** Answers `measureLink` of others on this port until the agent ends. */
  answerMeasures: { params: object; result: { port: number } }
  measureLink: { params: LinkMeasureParams; result: LinkMeasure }
  /** Whether the host can encrypt what crosses; asked of an agent of the network image that may change the host's links. */
  whyNoTunnel: { params: object; result: { reason?: string } }
  useRelay: { params: object; result: object }
  /** With a path, the catalog must still fit the tree there: asked of the target, whose round does not look again. */
  state: { params: { trees: { id: string; path?: string }[] }; result: { trees: TreeState[] } }
  /** Forgets trees, so that their next round sends everything. */
  forget: { params: { trees: string[] }; result: object }
  sendRound: {
    params: {
      round: number
      trees: (TreeParams & { hasBase: boolean })[]
      isFinal: boolean
      limitBytesPerSecond?: number
    }
    result: { trees: SentTree[]; peakMemoryBytes: number }
  }
  receiveRound: {
    params: { round: number; trees: (TreeParams & { hasBase: boolean })[]; isFinal: boolean }
    result: { trees: { id: string; digest: string }[]; peakMemoryBytes: number }
  }
  /**
   * Reads a whole tree and makes its catalog: the digest is that of a round that sent it all. `fromDisk`: what the system still
   * has in memory of a file and has written is read again from the disk.
   */
  scanTree: {
    params: TreeParams & { fromDisk?: boolean }
    result: { digest: string; files: number; bytes: number }
  }
  /** A piece of a tree's catalog, base64, from a byte offset on. */
  readCatalog: { params: { id: string; offset: number }; result: { data: string; isLast: boolean } }
  /** Gives an agent the catalog of the other, piece by piece: what the other side has. */
  writeCatalog: { params: { id: string; offset: number; data: string; isLast: boolean }; result: object }
  /** Begins to read for a repository: `number` marks the batches of chunks that follow. */
  openStore: { params: { number: number }; result: object }
  /** Chunks that the repository has: digests one after the other, base64. */
  addKnownChunks: { params: { digests: string }; result: object }
  /** What is known of a tree from the snapshot before, piece by piece, base64: its entries, without a header. */
  writeTree: {
    params: { id: string; isFirst: boolean; data: string; last?: { entries: number; isTrusted: boolean } }
    result: object
  }
  /**
   * Reads trees beside what is known of them and sends the chunks that the repository lacks; answered when everything has been read, which may be before it
   * has been sent. `isFinal`: nothing may change meanwhile. `discards`: nothing is sent; the trees alone are wanted.
   */
  snapshotRound: {
    params: { trees: TreeParams[]; isFinal: boolean; seed: string; discards?: boolean }
    result: { trees: ReadTree[]; peakMemoryBytes: number }
  }
  /** A piece of a tree as the last round read it, base64, from a byte offset on: a header of 128 bytes and the entries. */
  readTree: { params: { id: string; offset: number }; result: { data: string; isLast: boolean } }
  /** Sends the lists of files, too, and waits until everything has been sent. */
  storeTrees: {
    params: { trees: string[]; seed: string }
    result: { trees: { id: string; refs: ChunkRef[] }[]; chunks: number; bytes: number; storedBytes: number }
  }
  /** What this agent sends is not taken because whoever takes it is busy: it goes on waiting. */
  keepWaiting: { params: object; result: object }
  /** Makes a running round or scan fail with `aborted`; `forGood`: also every one that would begin later. */
  abort: { params: { reason: string; forGood?: boolean }; result: object }
}

export type RequestName = keyof Requests
export type Params<N extends RequestName> = Requests[N]['params']
export type Result<N extends RequestName> = Requests[N]['result']

/** What an agent tells unasked. */
export type AgentEvent =
  /** Sent a few times a second during a round on the source. */
  | ({ event: 'progress' } & Progress)
  /** The target is ready for the batches of a round. */
  | { event: 'receiving'; round: number }

/** How far a round has come: bytes and files sent, and names looked at. */
export interface Progress {
  bytes: number
  files: number
  scannedFiles: number
}

export interface ErrorMessage {
  code: string
  message: string
  data?: Record<string, unknown>
  suggestions?: string[]
}
