import { type RoundResult, runRound } from '../../agent/round.ts'
import { exitCodes, NotVerifiedError, WherryError } from '../../model/errors.ts'
import type { Run, Step } from '../run.ts'

/** A round this small or this quick is no longer worth another one: the final round will be like it. */
const smallBytes = 4 * 1024 * 1024
const quickSeconds = 0.3
/** A round that sent more than this share of the one before says that the writer is as fast as we are. */
const noProgress = 0.7

/** Copies while the source runs, round after round, until what is left is small or stops shrinking. */
export const preCopy: Step = {
  name: 'pre-copy',
  async do(run) {
    while (anotherRound(run.rounds, run.plan.options.maxRounds)) {
      run.signal.throwIfAborted()
      await copyRound(run, false)
    }
    // Nothing was done to the source yet: what somebody stopped meanwhile is not started again by a rollback.
    if (!run.isResumed) await assertStillRunning(run)
    return { rounds: run.rounds.length }
  },
}

async function assertStillRunning({ plan, source }: Run): Promise<void> {
  for (const { sourceId, name } of plan.containers.filter(({ wasRunning }) => wasRunning)) {
    const now = await source.containers.inspect(sourceId)
    if (now?.State.Running) continue
    const what = now ? 'stopped' : 'removed'
    throw new WherryError(
      `source-${what}`,
      exitCodes.rolledBack,
      `${name} was ${what} on ${source.name} while it was being copied.`,
      { suggestions: ['Find out who did it. A stopped container can be moved too: run it again.'] },
    )
  }
}

/** Copies what changed since the last round, with the source at rest, and compares both sides. */
export const finalRound: Step = {
  name: 'final-round',
  async do(run) {
    const result = await copyRound(run, true)
    if (run.plan.options.verify === 'full') await readBack(run, result)
    run.times.verifiedMs = performance.now()
    return { trees: result.trees }
  },
}

/** Reads what was written on the target from its disk and compares it with what left the source. */
async function readBack(run: Run, { trees }: RoundResult): Promise<void> {
  const { agents, report, target } = run
  const startedMs = performance.now()
  report({
    type: 'phase',
    phase: 'verify',
    message: `reading everything back from the disk of ${target.name}`,
  })
  for (const { id, sourceDigest } of trees) {
    const path = agents?.trees.find((tree) => tree.id === id)?.path ?? ''
    // Under a name of its own: the catalogs of the rounds stay as they are.
    const scan = await agents?.receiver.client.request('scanTree', {
      id: `${id}#read-back`,
      path,
      fromDisk: true,
    })
    if (scan?.digest === sourceDigest) continue
    throw new NotVerifiedError(
      `What ${target.name} reads back from its disk is not what was written: ${id}.`,
      {
        suggestions: ['Suspect the memory or the disk of that engine before you trust it with data.'],
        data: { trees: [id] },
      },
    )
  }
  run.times.readBackMs = performance.now() - startedMs
}

/** Whether another pre-copy round is worth it, judged by those so far. */
export function anotherRound(
  rounds: readonly Pick<RoundResult, 'bytesSent' | 'seconds'>[],
  maxRounds: number,
): boolean {
  const last = rounds.at(-1)
  const before = rounds.at(-2)
  if (!last) return true
  if (rounds.length >= maxRounds) return false
  if (last.bytesSent < smallBytes || last.seconds < quickSeconds) return false
  return !before || last.bytesSent < before.bytesSent * noProgress
}

/** One round between the run's agents, shown and counted. */
export async function copyRound(run: Run, final: boolean): Promise<RoundResult> {
  const { agents, plan, report } = run
  if (!agents) throw new WherryError('no-agents', exitCodes.unexpected, 'The agents are not running.')
  const number = run.rounds.length + 1
  const phase = final ? 'final-round' : `round-${number}`
  const message = final
    ? 'final round: what changed last'
    : number === 1
      ? 'copying while it runs'
      : `copying what changed (round ${number})`
  report({ type: 'phase', phase, message: `${message} (${agents.link.kind})` })
  const { limitBytesPerSecond } = plan.options
  const estimate = number === 1 && plan.size?.complete ? { totalBytes: plan.size.bytes } : {}
  const result = await runRound({
    source: agents.sender.client,
    target: agents.receiver.client,
    link: agents.link,
    trees: agents.trees,
    final,
    ...(limitBytesPerSecond && !final ? { limitBytesPerSecond } : {}),
    onProgress: ({ bytes, files }) => report({ type: 'bytes', phase, bytes, files, ...estimate }),
  })
  run.rounds.push(result)
  run.bytesTransferred += result.bytesSent
  return result
}
