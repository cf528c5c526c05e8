import { exitCodes, RefusedError, WherryError } from '../model/errors.ts'
import { type CopyRequest, type CopyResult, copySnapshot } from './copy.ts'
import { idPattern } from './repository/manifest.ts'
import type { RegistryRepository } from './repository/registry.ts'

export interface PushRequest extends Omit<CopyRequest, 'to' | 'phase'> {
  to: RegistryRepository
  /** A name besides its id. */
  tag?: string | undefined
  /** Take the name from another snapshot. */
  force: boolean
}

/** How a snapshot was pushed; `tags` are those that name it now. */
export interface PushResult extends CopyResult {
  tags: string[]
}

/**
 * Copies a snapshot to a registry, and lets a tag name it besides its id.
 * @throws RefusedError `tag-taken` when the tag names something else, WherryError `tag-lost` (exit 6) when somebody else took it
 * in the same moment. The snapshot is in the registry by its id then.
 */
export async function pushSnapshot(request: PushRequest): Promise<PushResult> {
  const { force, snapshot, tag, to } = request
  const { id, manifest } = snapshot
  if (tag !== undefined && idPattern.test(tag) && tag !== id) {
    throw new RefusedError('tag-is-an-id', `The tag ${tag} reads as the id of another snapshot than ${id}.`, {
      suggestions: ['Choose another tag.'],
    })
  }
  const named = tag === undefined || tag === id ? undefined : tag
  if (named !== undefined && !force) await refuseTaken(to, named, manifest.digest)
  const result = await copySnapshot({ ...request, phase: 'push' })
  if (named === undefined) return { ...result, tags: [id] }
  const { digest } = result
  // Much time may have passed.
  if (!force) await refuseTaken(to, named, digest, id)
  await to.setTag(named, await to.readManifestContent({ ...snapshot, manifest: { ...manifest, digest } }))
  if ((await to.digestAt(named)) !== digest) throw await lost(to, named, id)
  return { ...result, tags: [id, named] }
}

async function refuseTaken(
  to: RegistryRepository,
  tag: string,
  digest: string,
  pushed?: string,
): Promise<void> {
  const there = await to.digestAt(tag)
  if (there === undefined || there === digest) return
  const other = await describe(to, tag)
  const but = pushed ? ` The snapshot is there by its id: ${to.name}:${pushed}.` : ''
  throw new RefusedError('tag-taken', `${to.name}:${tag} is ${other} already.${but}`, {
    suggestions: ['Choose another tag, or take it away from there: --force'],
    data: { repository: to.name, tag, digest: there, snapshot: (await to.at(tag))?.id ?? null },
  })
}

async function lost(to: RegistryRepository, tag: string, id: string): Promise<WherryError> {
  return new WherryError(
    'tag-lost',
    exitCodes.locked,
    `Somebody else pushed to ${to.name}:${tag} in the same moment: it is ${await describe(to, tag)}. Yours is there by its id: ${to.name}:${id}.`,
    {
      suggestions: [`To take it: wherry snapshot push ${id} ${to.name}:${tag} --force`],
      data: { repository: to.name, tag, id },
    },
  )
}

async function describe(to: RegistryRepository, tag: string): Promise<string> {
  const other = await to.at(tag)
  return other ? `snapshot ${other.id} of ${other.title ?? other.createdAt}` : 'no snapshot of wherry'
}
