import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf, NotVerifiedError, WherryError } from '../model/errors.ts'
import type { AgentClient } from './client.ts'
import type { Link } from './link.ts'
import type { Progress, Result, SentTree, TreeParams } from './protocol.ts'

export interface RoundOptions {
  source: AgentClient
  target: AgentClient
  link: Link
  trees: readonly (TreeParams & { targetPath?: string })[]
  /** The source is stopped: any change meanwhile is an error, and the target has everything on its disk at the end. */
  final: boolean
  limitBytesPerSecond?: number
  onProgress?: (progress: Progress) => void
}

/** A tree that is now equal on both sides. Digests are SHA-256 over everything that is carried. */
export type TreeResult = Omit<SentTree, 'digest'> & { sourceDigest: string; targetDigest: string }

export interface RoundResult {
  seconds: number
  bytesSent: number
  filesSent: number
  trees: TreeResult[]
  sourcePeakMemoryBytes: number
  targetPeakMemoryBytes: number
}

/** Errors that follow from the other side's failure and say less than it does. */
const consequences = new Set(['aborted', 'link-broken'])
const settleMilliseconds = 10_000

let nextRound = randomBytes(4).readUInt32LE()

/**
 * One round: makes the target's trees equal to the source's, sending only what changed since the round before where both
 * sides still know it. Throws a NotVerifiedError when the outcome differs; any other error leaves the trees to the next
 * round, which begins afresh where it must.
 */
export async function runRound(options: RoundOptions): Promise<RoundResult> {
  const { source, target, trees } = options
  const startedAt = performance.now()
  const round = nextRound
  nextRound = (nextRound + 1) >>> 0
  const bases = await commonBases(options)
  const treesFor = (path: (tree: RoundOptions['trees'][number]) => string) =>
    trees.map((tree, index) => ({ id: tree.id, path: path(tree), hasBase: bases[index] ?? false }))
  const ready = receiving(target, round)
  const received = target.request('receiveRound', {
    round,
    trees: treesFor((tree) => tree.targetPath ?? tree.path),
    isFinal: options.final,
  })
  // The race or `bothOrNeither` throws its error; neither is waiting yet when it fails while the source is asked.
  received.catch(() => undefined)
  await Promise.race([ready, received])
  const stopListening = source.onEvent((event) => {
    if (event.event === 'progress') options.onProgress?.(event)
  })
  const limit = options.limitBytesPerSecond
  const sent = source.request('sendRound', {
    round,
    trees: treesFor((tree) => tree.path),
    isFinal: options.final,
    ...(limit === undefined ? {} : { limitBytesPerSecond: limit }),
  })
  try {
    const [sentResult, receivedResult] = await bothOrNeither(source, target, sent, received)
    return toResult((performance.now() - startedAt) / 1000, sentResult, receivedResult)
  } finally {
    stopListening()
  }
}

/** Which trees have the same catalog on both sides, so that only changes need to be sent. */
async function commonBases({ source, target, trees }: RoundOptions): Promise<boolean[]> {
  const [ofSource, ofTarget] = await Promise.all([
    source.request('state', { trees: trees.map(({ id }) => ({ id })) }),
    target.request('state', {
      trees: trees.map(({ id, path, targetPath }) => ({ id, path: targetPath ?? path })),
    }),
  ])
  return trees.map((_, index) => {
    const digest = ofSource.trees[index]?.digest
    return digest !== undefined && digest === ofTarget.trees[index]?.digest
  })
}

/** Resolves when the target is ready for a round's batches. */
export function receiving(target: AgentClient, round: number): Promise<void> {
  return new Promise((resolve) => {
    const stop = target.onEvent((event) => {
      if (event.event !== 'receiving' || event.round !== round) return
      stop()
      resolve()
    })
  })
}

/** Waits for both sides. When one fails the other is called off, and the error that says most is thrown. */
async function bothOrNeither(
  source: AgentClient,
  target: AgentClient,
  sent: Promise<Result<'sendRound'>>,
  received: Promise<Result<'receiveRound'>>,
): Promise<[Result<'sendRound'>, Result<'receiveRound'>]> {
  try {
    return await Promise.all([sent, received])
  } catch (error) {
    // An agent that has gone cannot be called off; its own request says so.
    const call = (agent: AgentClient) =>
      agent.request('abort', { reason: messageOf(error) }).catch(() => undefined)
    void call(source)
    void call(target)
    const settled = await Promise.race([
      Promise.allSettled([sent, received]),
      delay(settleMilliseconds, [], { ref: false }),
    ])
    const errors = settled.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    const telling = errors.find((one) => !(one instanceof WherryError && consequences.has(one.code)))
    throw telling ?? errors.find((one) => one instanceof WherryError && one.code === 'link-broken') ?? error
  }
}

function toResult(seconds: number, sent: Result<'sendRound'>, received: Result<'receiveRound'>): RoundResult {
  const trees = sent.trees.map(({ digest, ...tree }, index) => ({
    ...tree,
    sourceDigest: digest,
    targetDigest: received.trees[index]?.digest ?? '',
  }))
  const differing = trees.filter((tree) => tree.sourceDigest !== tree.targetDigest).map(({ id }) => id)
  if (differing.length > 0) {
    throw new NotVerifiedError(`What arrived is not what left: ${differing.join(', ')}`, {
      data: { trees: differing },
      suggestions: ['Try again; if it happens again, suspect the memory or the disk of one of the engines.'],
    })
  }
  return {
    seconds,
    bytesSent: trees.reduce((sum, tree) => sum + tree.bytesSent, 0),
    filesSent: trees.reduce((sum, tree) => sum + tree.filesSent, 0),
    trees,
    sourcePeakMemoryBytes: sent.peakMemoryBytes,
    targetPeakMemoryBytes: received.peakMemoryBytes,
  }
}
