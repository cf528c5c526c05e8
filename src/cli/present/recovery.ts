import type { ChalkInstance } from 'chalk'
import { dockerFor } from '../../migrate/checks/check.ts'
import type { JournalRecord } from '../../migrate/journal.ts'
import type { FinishResult } from '../../migrate/recovery/finish.ts'
import type { Piece } from '../../migrate/recovery/pieces.ts'
import type { RollbackResult } from '../../migrate/recovery/rollback.ts'
import type { MigrationSummary } from '../../migrate/recovery/summary.ts'
import { describeForwarder } from './forwarders.ts'

/** What a rollback did, for people. */
export function describeRollback(
  { id, message, leftBecause, warnings, totalSeconds }: RollbackResult,
  colours: ChalkInstance,
): string {
  return [
    `${colours.green('✔')} ${message}`,
    `  total ${totalSeconds.toFixed(1)} s`,
    ...warnings.map(({ message }) => `  ${colours.yellow('!')} ${message}`),
    ...leftBecause.map(
      ({ step, reason }) => `  ${colours.yellow('!')} not taken away ("${step}"): ${reason}`,
    ),
    ...(leftBecause.length > 0 ? [`  → when that is mended: wherry migration rollback ${id}`] : []),
  ].join('\n')
}

/** What `finish` removed. */
export function describeFinish({ removed, kept, forwarders }: FinishResult, colours: ChalkInstance): string {
  const isEmpty = removed.containers.length === 0 && removed.volumes.length === 0
  const what = isEmpty
    ? `nothing to remove from ${removed.engine}: the fenced copy is gone already`
    : `removed from ${removed.engine}: ${removed.containers.join(', ') || 'no container'}`
  return [
    `${colours.green('✔')} ${what}`,
    ...removed.volumes.map((name) => `  volume ${name}`),
    ...kept.map(
      (name) =>
        `  ${colours.yellow('!')} volume ${name} stays: another container uses it, or it may have been made anew. If nobody needs it: ${dockerFor(removed.engine)} volume rm ${name}`,
    ),
    ...forwarders.flatMap((forwarder) => [
      ...describeForwarder(forwarder),
      `    stays, until: wherry forward remove ${forwarder.container} --on ${forwarder.engine}`,
    ]),
  ].join('\n')
}

/** All migrations, the newest last, and what engines were found to hold. */
export function describeMigrations(
  migrations: readonly MigrationSummary[],
  pieces: readonly Piece[],
  colours: ChalkInstance,
): string {
  const lines = migrations.map((summary) => oneLine(summary, colours))
  if (migrations.length === 0) lines.push('No migration has been begun from here.')
  for (const id of [...new Set(pieces.map(({ migration }) => migration))].sort()) {
    const known = migrations.some((summary) => summary.id === id)
    lines.push('', `${colours.bold(id)}${known ? '' : ' (begun elsewhere, or its journal is gone)'}`)
    for (const { engine, kind, role, name, state, migration } of pieces) {
      if (migration === id)
        lines.push(`  ${engine}: ${kind} ${name} (${[role, state].filter(Boolean).join(', ')})`)
    }
    if (!known) lines.push(...whatCanFollow(id, pieces))
  }
  return lines.join('\n')
}

/** Without a journal, what an engine's lock says that can be done, or the copies of a complete migration. */
function whatCanFollow(id: string, pieces: readonly Piece[]): string[] {
  const engineWith = (wanted: string) =>
    pieces.find(({ migration, role }) => migration === id && role === wanted)?.engine
  const locked = engineWith('lock')
  if (locked) return [`  → wherry migration rollback ${id} --from ${locked}`]
  const [source, target] = [engineWith('source'), engineWith('target')]
  if (!target) return []
  if (!source)
    return ['  → name the engine that it came from too: the copy that stayed there is not on these']
  const engines = `--from ${source} --to ${target}`
  return [`  → wherry migration finish ${id} ${engines}`, `  → wherry migration rollback ${id} ${engines}`]
}

/** One migration with its journal. */
export function describeMigration(
  summary: MigrationSummary,
  records: readonly JournalRecord[],
  colours: ChalkInstance,
): string {
  return [
    oneLine(summary, colours),
    ...records.map((record) => `  ${record.at}  ${whatHappened(record)}`),
  ].join('\n')
}

function oneLine(
  { id, status, containers, source, target, step, next }: MigrationSummary,
  colours: ChalkInstance,
): string {
  const paint = { interrupted: colours.red, running: colours.cyan, completed: colours.green }
  const shown = status === 'interrupted' ? `interrupted at "${step}"` : status
  const colour = status in paint ? paint[status as keyof typeof paint] : colours.dim
  return [
    `${colours.bold(id)}  ${containers.join(', ')}  ${source} → ${target}  ${colour(shown)}`,
    ...next.map((command) => `  → ${command}`),
  ].join('\n')
}

function whatHappened(record: JournalRecord): string {
  switch (record.type) {
    case 'process':
      return `${record.command} by process ${record.pid} on ${record.host}`
    case 'failed':
      return `${record.step} failed: ${record.message.split('\n')[0]}`
    case 'end':
      return `end: ${record.status}${record.left ? `, left: ${record.left.join(', ')}` : ''}`
    case 'plan':
    case 'commit':
      return record.type
    case 'intent':
      return `${record.step} …`
    default:
      return `${record.step} ${record.type}`
  }
}
