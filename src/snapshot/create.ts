import { randomBytes } from 'node:crypto'
import type { Engine } from '../engine/engine.ts'
import { exitCodes, messageOf, WherryError } from '../model/errors.ts'
import type { DataPath, Warning } from '../model/plan.ts'
import type { Report } from '../model/progress.ts'
import type { SnapshotTree } from './config.ts'
import { readContents } from './contents.ts'
import type { Group } from './group.ts'
import type { Hooks } from './hooks.ts'
import { type ImageTreatment, storeImages } from './images.ts'
import { Intake } from './intake.ts'
import { openReading } from './open-reading.ts'
import { PackWriter } from './pack-writer.ts'
import { publish } from './publish.ts'
import type { Reading, ReadingRequest } from './reading.ts'
import type { Descriptor } from './repository/oci.ts'
import type { Repository } from './repository/repository.ts'
import type { Seal } from './seal.ts'
import { assertNotMoving, isLeftStill } from './standstill.ts'
import type { StandstillKind } from './still.ts'

export interface CreateRequest {
  engine: Engine
  repository: Repository
  seal: Seal
  /** The blob with the seal's key. */
  key?: Descriptor | undefined
  group: Group
  standstill: StandstillKind
  /** Also what is in the memory of those that run; they are paused for it. */
  memory: boolean
  hooks: Hooks
  image: ImageTreatment
  /** Names of variables whose values are left out; `*` stands for anything. */
  redactEnv: readonly string[]
  /** A pause that takes longer is broken off. */
  maxPauseSeconds: number
  path: DataPath
  /** Who makes it, for the snapshot's config. */
  madeBy: string
  /** Is told when the containers begin to stand still, commands before it included, and when they go on. */
  onStandstill: (isStill: boolean) => void
  report: Report
  signal: AbortSignal
}

/** How a snapshot was made. Bytes, seconds; times in ISO 8601. */
export interface CreateResult {
  id: string
  repo: string
  createdAt: string
  /** When everything stood still. */
  instant: string
  containers: {
    name: string
    volumes: { name: string; bytes: number; files: number }[]
    /** Of those whose memory was taken. */
    memoryBytes?: number
  }[]
  bytesRead: number
  bytesStored: number
  pauseSeconds: number
  totalSeconds: number
  rounds: { files: number; bytes: number; seconds: number }[]
  link: string
  warnings: Warning[]
}

/**
 * Takes containers with everything that they have into a repository, all at one instant. Reads while they run first, and
 * what changed since while they stand still. Whatever happens, the containers go on, and what was there before stays whole.
 * @throws RefusedError before anything changed; any other error leaves at most packs that the next snapshot uses or `prune` removes.
 */
export async function createSnapshot(request: CreateRequest): Promise<CreateResult> {
  const startedMs = performance.now()
  const { group, repository, seal, report } = request
  // Before everything is read; it is asked again before they stand still.
  await assertNotMoving(request.engine, group.manifests)
  const contents = await readContents(repository, seal, request.key)
  const directory = await repository.workDirectory()
  const id = randomBytes(6).toString('hex')
  const packs = new PackWriter(repository, directory, seal)
  const work = { ...request, id, contents, directory, packs }
  try {
    const images = await storeImages({
      ...work,
      manifests: group.manifests,
      treatment: request.image,
      chunks: contents.chunks,
    })
    const { trees, stood, reading, createdAt } = await readGroup(work, async (read) => {
      await packs.end()
      request.signal.throwIfAborted()
      report({ type: 'phase', phase: 'publish', message: 'looking whether everything is there' })
      const { createdAt } = await publish({ ...work, ...read, packs: packs.packs, images })
      return { ...read, createdAt }
    })
    return {
      id,
      repo: repository.name,
      createdAt,
      instant: new Date(stood.instantMs).toISOString(),
      containers: group.manifests.map(({ name }) => ({
        name,
        volumes: volumesOf(name, trees),
        ...memoryOf(name, trees),
      })),
      bytesRead: reading.rounds.reduce((sum, { bytes }) => sum + bytes, 0),
      bytesStored: packs.packs.reduce((sum, { size }) => sum + size, 0),
      pauseSeconds: stood.pauseSeconds,
      totalSeconds: (performance.now() - startedMs) / 1000,
      rounds: reading.rounds,
      link: reading.link.kind,
      warnings: group.warnings,
    }
  } catch (error) {
    throw request.signal.aborted && !isLeftStill(error) ? interrupted(error) : error
  } finally {
    await packs.discard()
  }
}

/** Whatever a signal broke off. */
function interrupted(cause: unknown): WherryError {
  const message = 'Interrupted; the containers go on, and there is no new snapshot.'
  return new WherryError('interrupted', exitCodes.interrupted, message, { cause })
}

/** What was read of a group, and by what. */
interface GroupRead {
  trees: SnapshotTree[]
  stood: Awaited<ReturnType<Reading['readAll']>>
  reading: Reading
}

/** Reads everything and stores it in packs. The agent goes while `publishing` is at work, and is gone afterwards. */
async function readGroup<T>(
  work: ReadingRequest & { packs: PackWriter },
  publishing: (read: GroupRead) => Promise<T>,
): Promise<T> {
  const reading = await openReading(work)
  const intake = new Intake(reading.link.channel, reading.number, work.packs, () => reading.askPatience())
  let published: Promise<T> | undefined
  try {
    const stood = await intake.beside(reading.readAll())
    const trees = await intake.beside(storeTrees(reading, intake, stood.result))
    published = publishing({ trees, stood, reading })
    // It is waited for below, whatever becomes of the agent.
    published.catch(() => undefined)
  } finally {
    intake.end()
    await reading.close().catch((error) => {
      if (!published) throw error
      const message = `The agent could not be removed: ${messageOf(error)}`
      work.report({ type: 'warning', code: 'agent-left', message })
    })
  }
  return published
}

/** Waits for the chunks of all trees, and for those of the lists of files. */
async function storeTrees(
  reading: Reading,
  intake: Intake,
  read: Awaited<ReturnType<Reading['readAll']>>['result'],
): Promise<SnapshotTree[]> {
  const { trees, chunks } = await reading.storeTrees()
  await intake.received(chunks)
  return reading.trees.flatMap((tree) => {
    const counts = read.find(({ id }) => id === tree.id)
    // Of a container that has ended meanwhile.
    if (!counts && tree.kind === 'memory') return []
    const refs = trees.find(({ id }) => id === tree.id)?.refs
    if (!counts || !refs) throw new Error(`the agent has not read ${tree.id}`)
    const { files, directories, entries, totalBytes, digest, isTrusted } = counts
    const source = tree.kind === 'memory' ? tree.container : tree.source
    return { ...tree, source, files, directories, entries, bytes: totalBytes, digest, refs, isTrusted }
  })
}

function volumesOf(
  container: string,
  trees: readonly SnapshotTree[],
): { name: string; bytes: number; files: number }[] {
  return trees
    .filter((tree) => tree.container === container && !['layer', 'memory'].includes(tree.kind))
    .map(({ source, bytes, files }) => ({ name: source, bytes, files }))
}

function memoryOf(container: string, trees: readonly SnapshotTree[]): { memoryBytes?: number } {
  const tree = trees.find((one) => one.container === container && one.kind === 'memory')
  return tree ? { memoryBytes: tree.bytes } : {}
}
