import { randomBytes } from 'node:crypto'
import { appendFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentClient } from '../../agent/client.ts'
import { joinAgent } from '../../agent/own-link.ts'
import type { Engine } from '../../engine/engine.ts'
import { startAgent, treePath } from '../../launch/agent.ts'
import { ensureAgentImage } from '../../launch/image.ts'
import { addressesOf } from '../../migrate/steps/agents.ts'
import { exitCodes, messageOf, RefusedError, WherryError } from '../../model/errors.ts'
import { type DataPath, roleLabel } from '../../model/plan.ts'
import type { Report } from '../../model/progress.ts'
import { ChunkStore } from '../chunk-store.ts'
import type { SnapshotConfig, SnapshotTree } from '../config.ts'
import type { OciManifest } from '../repository/oci.ts'
import type { Repository } from '../repository/repository.ts'
import type { Seal } from '../seal.ts'
import { sendTrees, type TreeToSend } from './send-trees.ts'

export interface RestoreVolumeRequest {
  target: Engine
  repository: Repository
  seal: Seal
  config: SnapshotConfig
  manifest: OciManifest
  /** The volume in the snapshot, and the path in it; all of it where that is empty. */
  volume: string
  path: string
  /** The volume on the target. */
  into: string
  /** Whether it may be there already: then what is wanted of it is made as in the snapshot, and the rest stays. */
  overwrite: boolean
  dataPath: DataPath
  report: Report
  signal: AbortSignal
}

/** What `restore --volume` prints with `--json`. Bytes, seconds. */
export interface RestoreVolumeResult {
  status: 'completed'
  snapshot: string
  engine: string
  volume: string
  path: string
  /** What was not right already. */
  filesWritten: number
  bytesWritten: number
  totalSeconds: number
}

/**
 * Restores one volume, or one path of it, into a new volume or one that is there.
 * @throws RefusedError before anything changed; WherryError `volume-half-restored` (exit 5) when a volume that was there before is a mixture now.
 */
export async function restoreVolume(request: RestoreVolumeRequest): Promise<RestoreVolumeResult> {
  const startedMs = performance.now()
  const { target, repository, seal, manifest, into, overwrite, report } = request
  const tree = findTree(request)
  report({ type: 'phase', phase: 'look', message: `looking at ${into} on ${target.name}` })
  await assertFree(request)
  const chunks = new ChunkStore(repository, seal)
  await chunks.addSnapshot(manifest)
  await chunks.assertPacksThere()
  const own = overwrite ? undefined : await makeVolume(target, into)
  try {
    const { files, bytes } = await fill(request, chunks, tree)
    return {
      status: 'completed',
      snapshot: request.config.id,
      engine: target.name,
      volume: into,
      path: request.path,
      filesWritten: files,
      bytesWritten: bytes,
      totalSeconds: Math.round(performance.now() - startedMs) / 1000,
    }
  } catch (error) {
    if (!own) throw halfRestored(request, error)
    // Why it could not be filled says more.
    await removeVolume(target, into, own).catch(() => undefined)
    throw error
  }
}

/** The label of a volume that a restore made: a value that no other has. */
const ownLabel = 'wherry.restored'

/** Makes a volume. Creating one that is there is no error to an engine, but it would be one to its owner. */
async function makeVolume(target: Engine, name: string): Promise<string> {
  const own = randomBytes(8).toString('hex')
  await target.volumes.create({ Name: name, Driver: 'local', DriverOpts: {}, Labels: { [ownLabel]: own } })
  if ((await target.volumes.inspect(name))?.Labels?.[ownLabel] === own) return own
  throw new RefusedError('volume-exists', `A volume named ${name} has appeared on ${target.name}.`)
}

async function removeVolume(target: Engine, name: string, own: string): Promise<void> {
  if ((await target.volumes.inspect(name))?.Labels?.[ownLabel] === own) await target.volumes.remove(name)
}

function findTree({ config, volume }: RestoreVolumeRequest): SnapshotTree {
  const volumes = config.trees.filter(({ kind }) => kind === 'volume' || kind === 'anonymous')
  const found = volumes.find(({ source, id }) => source === volume || id === volume)
  if (found) return found
  throw new RefusedError('volume-not-in-snapshot', `Snapshot ${config.id} has no volume ${volume}.`, {
    suggestions: [`It has: ${volumes.map(({ source }) => source).join(', ') || 'none'}.`],
  })
}

async function assertFree({ target, into, overwrite, path }: RestoreVolumeRequest): Promise<void> {
  const there = await target.volumes.inspect(into)
  if (there && !overwrite) {
    throw new RefusedError('volume-exists', `${target.name} already has a volume named ${into}.`, {
      suggestions: ['Another name: --into NAME', 'To make it as it is in the snapshot: --overwrite'],
    })
  }
  if (!there && overwrite) {
    throw new RefusedError('no-volume', `${target.name} has no volume named ${into} to overwrite.`, {
      suggestions: ['Without --overwrite it is made.'],
    })
  }
  if (path && !overwrite) {
    throw new RefusedError('path-needs-volume', 'One path is restored into a volume that is there.', {
      suggestions: ['Say so: --into VOLUME --overwrite'],
    })
  }
  const users = (await target.containers.list()).filter(
    ({ State, Mounts }) => ['running', 'paused'].includes(State) && Mounts.some(({ Name }) => Name === into),
  )
  if (users.length === 0) return
  const names = users.map(({ Names }) => Names[0]?.slice(1)).join(', ')
  throw new RefusedError('volume-in-use', `${names} on ${target.name} uses ${into} and runs.`, {
    suggestions: [`Stop it first: docker stop ${names}`],
  })
}

async function fill(
  request: RestoreVolumeRequest,
  chunks: ChunkStore,
  tree: SnapshotTree,
): Promise<{ files: number; bytes: number }> {
  const { target, repository, into, path, report, signal } = request
  const { reference: image } = await ensureAgentImage(target, [], report)
  const name = `wherry-restore-${randomBytes(4).toString('hex')}`
  const mounts = [{ kind: 'volume', volume: into, readOnly: false }] as const
  const agent = await startAgent(target, { image, name, labels: { [roleLabel]: 'agent' }, mounts })
  const callOff = () =>
    void agent.client.request('abort', { reason: 'interrupted', forGood: true }).catch(() => undefined)
  signal.addEventListener('abort', callOff, { once: true })
  const directory = await repository.workDirectory()
  const files = { tree: join(directory, `${name}.tree`), catalog: join(directory, `${name}.catalog`) }
  try {
    const addresses = await addressesOf(target, agent)
    const link = await joinAgent(agent.client, { addresses, path: request.dataPath, report })
    const wanted: TreeToSend = { tree, path: treePath(0) }
    if (request.overwrite) {
      report({ type: 'phase', phase: 'compare', message: `reading what is in ${into}` })
      await readTarget(agent.client, tree.id, files, request.seal.seed)
      wanted.merge = { ...files, scope: namesOf(path) }
    }
    report({ type: 'phase', phase: 'fill', message: `writing to ${into} on ${target.name} (${link.kind})` })
    const [restored] = await sendTrees({
      agent: agent.client,
      channel: link.channel,
      chunks,
      directory,
      trees: [wanted],
      report,
      signal,
    })
    link.close()
    return restored ?? { files: 0, bytes: 0 }
  } finally {
    signal.removeEventListener('abort', callOff)
    await agent.remove()
    for (const file of Object.values(files)) await rm(file, { force: true })
  }
}

/** Lets the agent read what is there, and takes over what it found. */
async function readTarget(
  agent: AgentClient,
  id: string,
  files: { tree: string; catalog: string },
  seed: string,
): Promise<void> {
  const tree = { id, path: treePath(0) }
  await agent.request('scanTree', tree)
  await agent.request('snapshotRound', { trees: [tree], isFinal: true, seed, discards: true })
  await fetch(files.tree, (offset) => agent.request('readTree', { id, offset }))
  await fetch(files.catalog, (offset) => agent.request('readCatalog', { id, offset }))
}

async function fetch(
  path: string,
  read: (offset: number) => Promise<{ data: string; isLast: boolean }>,
): Promise<void> {
  for (let offset = 0, isLast = false; !isLast; ) {
    const piece = await read(offset)
    const data = Buffer.from(piece.data, 'base64')
    await appendFile(path, data, { mode: 0o600 })
    offset += data.length
    isLast = piece.isLast
  }
}

/** Names from the root down, one character per byte. */
function namesOf(path: string): string[] {
  const names = Buffer.from(path).toString('latin1').split('/')
  return names.filter((name) => name !== '' && name !== '.')
}

function halfRestored({ into, target, config }: RestoreVolumeRequest, error: unknown): Error {
  // It is found out before anything is written.
  if (error instanceof RefusedError && error.code === 'path-not-in-snapshot') return error
  return new WherryError(
    'volume-half-restored',
    exitCodes.needsUser,
    `${into} on ${target.name} may be a mixture now of what it was and of snapshot ${config.id}: ${messageOf(error)}`,
    {
      cause: error,
      suggestions: ['Give the same command again: what is right already is not written again.'],
    },
  )
}
