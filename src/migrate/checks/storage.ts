import type { ManifestMount } from '../../model/manifest.ts'
import type { Refusal } from '../../model/plan.ts'
import type { Facts } from '../facts.ts'
import { type Check, dockerFor, type Findings, findings } from './check.ts'

/** Every mount can be carried, or the user has said what to do with it; nothing on the target is in the way. */
export const checkStorage: Check = (facts, { binds }) => {
  const found = findings()
  for (const { name, mounts } of facts.manifests) {
    for (const mount of mounts) {
      if (mount.kind === 'volume' || mount.kind === 'anonymous') checkVolume(facts, name, mount, found)
      else if (mount.kind === 'tmpfs') {
        found.warn('tmpfs', `What ${name} keeps in memory at ${mount.destination} (tmpfs) is lost.`)
      } else if (mount.kind === 'bind') checkBind(facts, name, mount, binds, found)
      else if (mount.kind === 'shared' && !ownerMoves(facts, mount)) {
        found.refuse(
          'volumes-from',
          `${name} uses the volume ${mount.source} of a container that does not come along.`,
          'Name that container too: its volumes come with it.',
        )
      } else if (mount.kind === 'other') {
        found.refuse(
          'mount-kind',
          `${name} has a mount of type ${mount.type} at ${mount.destination}, which cannot be carried.`,
          'Remove the mount, or replace it by a volume.',
        )
      }
    }
  }
  return found
}

/** Whether a container that moves along has this volume as its own. */
function ownerMoves({ manifests }: Facts, { source }: ManifestMount): boolean {
  return manifests.some(({ mounts }) =>
    mounts.some((mount) => mount.kind !== 'shared' && mount.source === source),
  )
}

type Finder = ReturnType<typeof findings>

function checkVolume(facts: Facts, container: string, mount: ManifestMount, found: Finder): void {
  const { target, targetVolumes } = facts
  const { source: name, kind } = mount
  if (kind === 'volume' && targetVolumes.includes(name)) {
    found.refuse(
      'volume-exists',
      `${target.name} already has a volume named ${name}, which ${container} uses.`,
      `If nobody needs it, remove it there: ${dockerFor(target.name)} volume rm ${name}`,
    )
  }
  const refusal = whyNotCopied(container, mount, facts.source.name)
  if (refusal) found.refuse(refusal.code, refusal.message, ...refusal.suggestions)
}

/** Why a volume's data cannot be copied, if so: it may not lie on the engine. */
export function whyNotCopied(
  container: string,
  { source: name, volume }: ManifestMount,
  engine: string,
): Refusal | undefined {
  if (volume && volume.Driver !== 'local') {
    return {
      code: 'volume-driver',
      message: `The volume ${name} of ${container} belongs to the driver ${volume.Driver}; only local volumes are copied.`,
      suggestions: ['Copy its data to a local volume first.'],
    }
  }
  const options = Object.keys(volume?.Options ?? {})
  if (options.length === 0) return undefined
  return {
    code: 'volume-options',
    message: `The volume ${name} of ${container} is mounted with options of its own (${options.join(', ')}): its data may lie elsewhere than on ${engine}.`,
    suggestions: ['Copy its data to a volume without options first.'],
  }
}

function checkBind(
  facts: Facts,
  container: string,
  mount: ManifestMount,
  treatment: string,
  found: Finder,
): Findings {
  const { source, destination } = mount
  const there = facts.targetHost?.paths[source]
  if (treatment === 'fail') {
    found.refuse(
      'bind-mount',
      `${container} has the host directory ${source} mounted at ${destination}; wherry does not know whether it belongs to the container.`,
      '--binds copy copies it to the same path on the target.',
      '--binds keep mounts what is at the same path on the target.',
    )
  } else if (treatment === 'keep') {
    if (there?.kind === 'missing' || there?.kind === 'dead-end') {
      found.refuse(
        'bind-missing',
        `${facts.target.name} has no ${source}, which ${container} mounts.`,
        'Create it there, or use --binds copy.',
      )
    } else
      found.warn(
        'bind-kept',
        `${container} uses what is at ${source} on ${facts.target.name}; nothing is copied.`,
      )
  } else if (facts.sourceHost && facts.sourceHost.paths[source]?.kind !== 'directory') {
    found.refuse(
      'bind-not-directory',
      `${source} of ${container} is not a directory; only directories are copied.`,
      `Put it at the same path on ${facts.target.name} and use --binds keep.`,
    )
  } else if (there?.kind === 'dead-end') {
    found.refuse(
      'bind-dead-end',
      `On ${facts.target.name} the path ${source}, where the bind mount of ${container} would be copied to, goes through something that is no directory, such as a symbolic link that leads nowhere.`,
      'Put right what is on the way (is a disk not mounted?), and try again.',
    )
  } else if (there && there.kind !== 'missing' && !there.isEmpty) {
    found.refuse(
      'bind-exists',
      `${facts.target.name} already has something at ${source}, where the bind mount of ${container} would be copied to.`,
      'Move it away, or use --binds keep to mount what is there.',
    )
  }
  return found
}
