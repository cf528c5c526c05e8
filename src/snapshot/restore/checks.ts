import { RefusedError } from '../../model/errors.ts'
import type { Manifest } from '../../model/manifest.ts'
import type { Plan, Refusal } from '../../model/plan.ts'
import type { RestoreOptions, RestorePlan } from './plan.ts'

/** What engines take for the name of a container or a volume (moby, daemon/names). */
const validName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/

/** Names that were given wrong, or that no engine had: whoever made such a snapshot meant something else by them. */
export function badNames(manifests: readonly Manifest[]): Refusal[] {
  const named = manifests.flatMap(({ name, mounts }) => [
    ['container', name, '--name OLD=NEW'] as const,
    ...mounts
      .filter(({ kind }) => kind === 'volume')
      .map(({ source }) => ['volume', source, '--map-volume OLD=NEW'] as const),
  ])
  return named
    .filter(([, name]) => !validName.test(name))
    .map(([what, name, flag]) => ({
      code: 'bad-name',
      message: `${JSON.stringify(name).slice(0, 120)} cannot be the name of a ${what}.`,
      suggestions: [`Give it another one: ${flag}`],
    }))
}

/** Two things of the snapshot that would become one. */
export function sharedNames(trees: RestorePlan['trees']): Refusal[] {
  const ids = trees.map(({ id }) => id)
  return [...new Set(ids.filter((id, index) => ids.indexOf(id) !== index))].map((id) => ({
    code: 'name-twice',
    message: `Two volumes of the snapshot would become ${id}, and one would overwrite the other.`,
    suggestions: ['Give each a name of its own: --map-volume OLD=NEW'],
  }))
}

/** @throws RefusedError `unknown-name` for an old name that nothing in the snapshot has. */
export function assertKnown(
  chosen: readonly Manifest[],
  { mapNetwork, mapVolume, names }: RestoreOptions,
): void {
  const known = {
    '--name': chosen.map(({ name }) => name),
    '--map-volume': chosen.flatMap(({ mounts }) => mounts.map(({ source }) => source)),
    '--map-network': chosen.flatMap(({ networks }) => networks.map(({ Name }) => Name)),
  }
  const given = {
    '--name': [...names.keys()].filter((name) => name !== ''),
    '--map-volume': Object.keys(mapVolume),
    '--map-network': Object.keys(mapNetwork),
  }
  for (const flag of ['--name', '--map-volume', '--map-network'] as const) {
    const unknown = given[flag].filter((name) => !known[flag].includes(name))
    if (unknown.length === 0) continue
    throw new RefusedError(
      'unknown-name',
      `${flag} names ${unknown.join(', ')}, which is not in what is restored.`,
      {
        suggestions: [`There is: ${[...new Set(known[flag])].join(', ') || 'none'}.`],
      },
    )
  }
}

/** What containers of the plan use and the snapshot lacks. */
export function missingTrees(plan: Plan, trees: RestorePlan['trees']): Refusal[] {
  return plan.trees
    .filter(({ id }) => !trees.some((tree) => tree.id === id))
    .map(({ id, container }) => ({
      code: 'not-in-snapshot',
      message: `The snapshot does not hold ${id}, which ${container} uses.`,
      suggestions: ['Restore from another snapshot: wherry snapshot list'],
    }))
}
