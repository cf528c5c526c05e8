import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Engine } from '../engine/engine.ts'
import { isAlive } from '../platform/alive.ts'
import { findSnapshot } from './browse/find.ts'
import { type CreateRequest, createSnapshot } from './create.ts'
import { snapshotEngine } from './publish.ts'
import { readConfig } from './read-config.ts'
import { DirectoryRepository } from './repository/directory.ts'
import { planRestore } from './restore/plan.ts'
import { type RestoreRequest, type RestoreResult, restoreSnapshot } from './restore/restore.ts'
import { unsealed } from './seal.ts'

export interface CloneRequest
  extends Omit<CreateRequest, 'repository' | 'seal' | 'image' | 'redactEnv' | 'memory'>,
    Pick<RestoreRequest, 'options' | 'onBegin' | 'target'> {
  /** Where what is copied is kept meanwhile: a new directory in it. */
  workDirectory: string
}

/** What a copy of a running container came to. */
export interface CloneResult extends RestoreResult {
  /** For how long the original stood still. */
  pauseSeconds: number
}

/** Makes a copy of containers that go on running: a snapshot of its own, restored, and forgotten. */
export async function cloneContainers(request: CloneRequest): Promise<CloneResult> {
  const { engine, group, options, target, workDirectory } = request
  await assertCanBeMade(request)
  await removeAbandoned(workDirectory)
  const directory = await mkdtemp(join(workDirectory, `${ofThisHost()}${process.pid}-`))
  try {
    const repository = await DirectoryRepository.openOrCreate(directory)
    const image = (await lacksImages(target, request)) ? 'include' : 'ref'
    const { id, pauseSeconds, warnings } = await createSnapshot({
      ...request,
      engine,
      group,
      repository,
      seal: unsealed,
      image,
      redactEnv: [],
      memory: false,
    })
    const manifest = await repository.readManifest(await findSnapshot(repository, async () => unsealed, id))
    const config = await readConfig(repository, unsealed, manifest.config)
    const restored = await restoreSnapshot({
      ...request,
      repository,
      seal: unsealed,
      config,
      manifest,
      options,
    })
    return { ...restored, pauseSeconds, warnings: [...warnings, ...restored.warnings] }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Whatever forbids the copy is to be known before anything is read. @throws RefusedError with every reason. */
async function assertCanBeMade({ engine, group, options, target }: CloneRequest): Promise<void> {
  const nothing = { files: 0, directories: 0, entries: 0, bytes: 0, digest: '', refs: [], isTrusted: false }
  const config = {
    id: 'of the copy',
    engine: snapshotEngine(engine),
    containers: [...group.manifests],
    trees: group.trees.map((tree) => ({ ...tree, ...nothing })),
    redacted: [],
  }
  await planRestore(target, '', config, options)
}

/** What the directories begin with: the cache may be shared with other hosts, whose processes cannot be seen. */
const ofThisHost = () => `clone-${encodeURIComponent(hostname())}-`

/** What a clone that was killed has left: it holds what its containers hold. */
async function removeAbandoned(workDirectory: string): Promise<void> {
  for (const name of await readdir(workDirectory)) {
    const pid = name.startsWith(ofThisHost())
      ? /^\d+(?=-)/.exec(name.slice(ofThisHost().length))?.[0]
      : undefined
    if (pid !== undefined && !isAlive(Number(pid)))
      await rm(join(workDirectory, name), { recursive: true, force: true })
  }
}

async function lacksImages(target: Engine, { group }: CloneRequest): Promise<boolean> {
  for (const { image } of group.manifests) if (!(await target.images.inspect(image.id))) return true
  return false
}
