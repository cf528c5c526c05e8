import type { ChalkInstance } from 'chalk'
import prettyBytes from 'pretty-bytes'
import type { SnapshotDiff } from '../../snapshot/browse/diff.ts'
import type { FieldChange } from '../../snapshot/browse/diff-config.ts'
import { nameOf } from '../../snapshot/browse/files.ts'
import { hostAccess } from '../../snapshot/browse/host-access.ts'
import type { SnapshotSummary } from '../../snapshot/browse/summary.ts'
import type { SnapshotConfig, SnapshotTree } from '../../snapshot/config.ts'

const shownCharacters = 60

/** Snapshots, one a line. */
export function describeSnapshots(
  snapshots: readonly SnapshotSummary[],
  where: string,
  colours: ChalkInstance,
): string {
  if (snapshots.length === 0) return `No snapshot in ${where}.`
  return snapshots.map((snapshot) => oneLine(snapshot, colours)).join('\n')
}

function oneLine(summary: SnapshotSummary, colours: ChalkInstance): string {
  const { id, containers, damage, engine = '', bytes = 0, files = 0, isLocked } = summary
  const begin = `${colours.bold(id)}  ${momentOf(summary.createdAt)}  ${containers.join(', ')}`
  if (damage !== undefined) return `${begin}  ${colours.red(damage)}`
  if (isLocked) return `${begin}  ${colours.dim('encrypted')}`
  return `${begin}  from ${engine}  ${prettyBytes(bytes)} in ${counted(files, 'file')}`
}

/** A time to the second, UTC. */
export function momentOf(time: string): string {
  return time.replace('T', ' ').replace(/\.\d+Z$/, 'Z')
}

/** One snapshot with all that it holds. */
export function describeSnapshot(
  config: SnapshotConfig,
  storedBytes: number,
  colours: ChalkInstance,
): string {
  const { id, createdAt, engine, standstill, pauseSeconds, containers, trees, warnings, redacted } = config
  const stood = standstill === 'none' ? 'nothing ran' : `${standstill}, ${pauseSeconds.toFixed(2)} s`
  return [
    `${colours.bold(`snapshot ${id}`)}`,
    `  made ${momentOf(createdAt)} by ${config.madeBy}, as everything was at ${momentOf(config.instant)} (${stood})`,
    `  from ${engine.name}: Docker ${engine.version} on ${engine.hostName}, ${engine.os}/${engine.architecture}`,
    ...containers.flatMap(({ name, image, state, ports, hostConfig, mounts }) => [
      `  ${colours.bold(plain(name))}  ${plain(image.reference)}  ${plain(state.status)}${Object.keys(ports).length > 0 ? `  ports ${Object.keys(ports).join(', ')}` : ''}`,
      ...trees.filter(({ container }) => container === name).map((tree) => `    ${treeLine(tree)}`),
      ...reaches(hostAccess({ hostConfig, mounts })),
    ]),
    `  packs of ${prettyBytes(storedBytes)}, which other snapshots may need too`,
    ...redacted.map(({ container, variable }) => `  left out: the value of ${variable} of ${container}`),
    ...warnings.map(({ message }) => `  ${colours.yellow('!')} ${message}`),
  ].join('\n')
}

/** A snapshot of somebody else's may hold anything, what moves a terminal's cursor too. */
const plain = (text: string) => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
const reaches = (what: string[]) => (what.length > 0 ? [`    of the host: ${plain(what.join(', '))}`] : [])

/** The directories of a snapshot. */
export function describeTrees(trees: readonly SnapshotTree[]): string {
  if (trees.length === 0) return 'No volume and no layer is in it.'
  return trees.map(treeLine).join('\n')
}

function treeLine(tree: SnapshotTree): string {
  const { kind, destination, files, bytes, container } = tree
  const at =
    kind === 'layer'
      ? `what ${container} wrote outside of volumes`
      : kind === 'memory'
        ? `what ${container} had in memory`
        : `at ${destination} in ${container}`
  return `${nameOf(tree)}  ${at}  ${prettyBytes(bytes)} in ${counted(files, 'file')}`
}

/** What is different between two snapshots. */
export function describeDiff(
  { before, after, containers, trees }: SnapshotDiff,
  colours: ChalkInstance,
): string {
  const signs = { added: colours.green('+'), removed: colours.red('-'), changed: colours.yellow('~') }
  if (containers.length + trees.length === 0) return `${before} and ${after} hold the same.`
  return [
    ...containers.flatMap(({ name, change, fields }) => [
      `${signs[change]} container ${colours.bold(name)}`,
      ...fields.map((field) => `    ${fieldLine(field)}`),
    ]),
    ...trees.flatMap(({ id, change, files }) => [
      `${signs[change]} ${colours.bold(id)}`,
      ...files.map((file) => {
        const which = file.aspects ? `  (${file.aspects.join(', ')})` : ''
        return `  ${signs[file.change]} ${file.path}${which}`
      }),
    ]),
  ].join('\n')
}

function fieldLine({ path, before, after }: FieldChange): string {
  const shown = (value: unknown) => {
    const text = value === undefined ? '(none)' : JSON.stringify(value)
    return text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text
  }
  return `${path}: ${shown(before)} → ${shown(after)}`
}

/** So many of something. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
