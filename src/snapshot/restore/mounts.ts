import { posix } from 'node:path'
import type { Engine } from '../../engine/engine.ts'
import { whyNotCopied } from '../../migrate/checks/storage.ts'
import { RefusedError } from '../../model/errors.ts'
import type { Manifest, ManifestMount } from '../../model/manifest.ts'
import { migrationLabel, type Plan, type Refusal, type TreePlan } from '../../model/plan.ts'

/*
 * Every check, and what is written, goes by a manifest's list of mounts; the container is created from its host configuration.
 * The engine that a snapshot was taken on made the one of the other. Somebody else may not have, and so get at volumes and
 * directories that nobody looked at.
 */

/** A mount that a host configuration asks for. */
type Requested = Pick<ManifestMount, 'kind' | 'source' | 'destination'> & Pick<ManifestMount, 'volume'>

/** What containers would mount beside what their manifests list. */
export function unlistedMounts(manifests: readonly Manifest[], snapshot: string): Refusal[] {
  return manifests.flatMap((manifest) => {
    const { name, mounts } = manifest
    const places = mounts.map(({ destination }) => pathOf(destination))
    const twice = places.filter((place, index) => places.indexOf(place) !== index)
    const asked = requested(manifest)
    return [
      ...twice.map((place) => unlisted(name, place, 'which is listed twice')),
      ...asked.flatMap(
        (one) => whyNotCopied(name, { ...one, readOnly: false, type: 'volume' }, snapshot) ?? [],
      ),
      ...asked
        .filter((one) => !mounts.some((listed) => isSame(listed, one)))
        .map(({ destination, source }) =>
          unlisted(name, destination, source ? `from ${source}` : 'of its own'),
        ),
    ]
  })
}

function requested({ hostConfig: { Binds, Mounts } }: Manifest): Requested[] {
  const binds = (Binds ?? []).map((bind): Requested => {
    const [source = '', destination] = bind.split(':')
    if (destination === undefined) return { kind: 'anonymous', source: '', destination: source }
    return { kind: source.startsWith('/') ? 'bind' : 'volume', source, destination }
  })
  const mounts = (Mounts ?? []).map(({ Type, Source = '', Target, VolumeOptions }): Requested => {
    const { Name: Driver = 'local', Options = {} } = VolumeOptions?.DriverConfig ?? {}
    const volume = { Name: Source, Driver: Driver || 'local', Options, Labels: {}, Scope: 'local' }
    if (Type === 'volume')
      return { kind: Source ? 'volume' : 'anonymous', source: Source, destination: Target, volume }
    return { kind: Type === 'bind' || Type === 'tmpfs' ? Type : 'other', source: Source, destination: Target }
  })
  return [...binds, ...mounts]
}

function isSame(listed: ManifestMount, { kind, source, destination }: Requested): boolean {
  if (listed.kind !== kind || pathOf(listed.destination) !== pathOf(destination)) return false
  if (kind === 'volume') return listed.source === source
  return kind !== 'bind' || pathOf(listed.source) === pathOf(source)
}

function pathOf(path: string): string {
  return posix.join('/', path, '/')
}

function unlisted(name: string, destination: string, which: string): Refusal {
  return {
    code: 'mount-not-listed',
    message: `${name} would mount something at ${destination}, ${which}, that the snapshot does not list: no wherry has made it so.`,
    suggestions: [
      'Do not restore it. Its volumes can be had one by one: wherry restore SNAPSHOT --volume VOLUME',
    ],
  }
}

/**
 * Looks whether a volume is what the plan took it for before anything in it goes: of this engine's own disk, and, where the
 * engine was to make it, no other container's. @throws RefusedError `not-our-volume`.
 */
export async function assertOwnVolume(
  target: Engine,
  plan: Plan,
  tree: TreePlan,
  volume: string,
): Promise<void> {
  const found = await target.volumes.inspect(volume)
  const isPlain = found?.Driver === 'local' && Object.keys(found.Options ?? {}).length === 0
  const others =
    tree.kind === 'anonymous'
      ? (await target.containers.list()).filter(
          ({ Labels, Mounts }) =>
            Labels[migrationLabel] !== plan.id && Mounts.some(({ Name }) => Name === volume),
        )
      : []
  const isNew = tree.kind !== 'anonymous' || /^[0-9a-f]{64}$/.test(volume)
  if (isPlain && isNew && others.length === 0) return
  throw new RefusedError(
    'not-our-volume',
    `${target.name} has mounted the volume ${volume} at ${tree.destination} of ${tree.container}, which was there before: nothing is written to it.`,
    { suggestions: ['Restore the volume alone: wherry restore SNAPSHOT --volume VOLUME --into NEW'] },
  )
}
