import type { ContainerSummary } from '../../model/documents.ts'
import type { Manifest } from '../../model/manifest.ts'
import type { BindTreatment } from '../../model/plan.ts'
import { type Check, findings, inGroup } from './check.ts'

/** A container that stays behind and uses data that moves. */
export interface Sharer {
  kind: 'volume' | 'bind'
  /** The volume's name, or the host directory of the container that moves. */
  source: string
  container: string
  other: string
  state: string
  /** It runs, or comes back by itself, and may write there. */
  writes: boolean
}

/** A volume or directory that a container keeps writing to while another moves would end as two versions of the truth. */
export const checkSharing: Check = ({ manifests, sourceContainers, sourceHost, target }, { binds }) => {
  const found = findings()
  const realPath = sourceHost && ((path: string) => sourceHost.paths[path]?.real ?? path)
  for (const sharer of sharersOf(manifests, sourceContainers, binds, realPath)) {
    const { kind, source, container, other, state, writes } = sharer
    if (writes) {
      found.refuse(
        `${kind}-shared`,
        `${shared(sharer)}, which would stay behind.`,
        `Move both: wherry migrate ${container} ${other} --to ${target.name}`,
        `Or stop the other first: docker stop ${other}`,
      )
    } else {
      const what = kind === 'volume' ? 'volume' : 'host directory'
      found.warn(
        `${kind}-shared`,
        `The ${what} ${source} is also used by ${other} (${state}), which stays behind with the old data.`,
      )
    }
  }
  return found
}

/** Who writes to what, as the beginning of a sentence. */
export function shared({ kind, source, container, other }: Sharer): string {
  return kind === 'volume'
    ? `The volume ${source} of ${container} is also written by the running container ${other}`
    : `The host directory ${source} of ${container}, or a part of it, is also mounted by the running container ${other}`
}

/**
 * Who else uses the data that is copied. Host directories are compared once `realPath` can tell where a path leads to.
 * A container that has the host's whole root is one of the host's tools and not taken for a writer.
 */
export function sharersOf(
  manifests: readonly Manifest[],
  containers: readonly ContainerSummary[],
  binds: BindTreatment,
  realPath: ((path: string) => string) | undefined,
): Sharer[] {
  const others = containers.filter(({ Id }) => !inGroup(manifests, Id))
  return manifests.flatMap(({ name: container, mounts }) =>
    mounts.flatMap(({ kind, source }) =>
      others.flatMap((other): Sharer[] => {
        const uses = other.Mounts.filter(({ Type, Name, Source }) => {
          if (kind === 'volume' || kind === 'anonymous') return Type === 'volume' && Name === source
          if (kind !== 'bind' || binds !== 'copy' || !realPath || Type !== 'bind') return false
          return overlap(realPath(Source), realPath(source))
        })
        if (uses.length === 0) return []
        const lives = other.State === 'running' || other.State === 'restarting'
        return [
          {
            kind: kind === 'bind' ? 'bind' : 'volume',
            source,
            container,
            other: other.Names[0]?.replace(/^\//, '') ?? other.Id,
            state: other.State,
            writes: lives && uses.some(({ RW, Source }) => RW !== false && Source !== '/'),
          },
        ]
      }),
    ),
  )
}

/** The host paths whose real places have to be known to compare bind mounts. */
export function sharedPaths(
  manifests: readonly Manifest[],
  containers: readonly ContainerSummary[],
): string[] {
  const own = manifests.flatMap(({ mounts }) => mounts.filter(({ kind }) => kind === 'bind'))
  const theirs = containers.flatMap(({ Mounts }) => Mounts.filter(({ Type }) => Type === 'bind'))
  return [...new Set([...own.map(({ source }) => source), ...theirs.map(({ Source }) => Source)])]
}

/** Whether one of two paths lies in the other. */
function overlap(a: string, b: string): boolean {
  const within = (inner: string, outer: string) => `${inner}/`.startsWith(outer === '/' ? '/' : `${outer}/`)
  return within(a, b) || within(b, a)
}
