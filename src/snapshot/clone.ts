import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Engine } from '../engine/engine.ts'
import { findSnapshot } from './browse/find.ts'
import { type CreateRequest, createSnapshot } from './create.ts'
import { readConfig } from './read-config.ts'
import { DirectoryRepository } from './repository/directory.ts'
import { type RestoreRequest, type RestoreResult, restoreSnapshot } from './restore/restore.ts'
import { unsealed } from './seal.ts'

export interface CloneRequest
  extends Omit<CreateRequest, 'repository' | 'seal' | 'image' | 'redactEnv'>,
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
  const directory = await mkdtemp(join(workDirectory, 'clone-'))
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

async function lacksImages(target: Engine, { group }: CloneRequest): Promise<boolean> {
  for (const { image } of group.manifests) if (!(await target.images.inspect(image.id))) return true
  return false
}
