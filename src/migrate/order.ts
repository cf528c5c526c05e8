import type { Manifest } from '../model/manifest.ts'

/** What one container needs of another. */
export interface Dependency {
  container: string
  why: string
  /** Whether it starts only where the other one is: there, or even running. A name for it in a network needs nothing. */
  needs: 'running' | 'there' | 'nothing'
  /** Of a name: the network in which it is one. */
  network?: string
}

/** The containers that one container needs, and has to start after: joined namespaces, links, volumes of others. */
export function dependenciesOf({ hostConfig, endpoints }: Manifest): Dependency[] {
  const needs: Dependency[] = []
  for (const field of ['NetworkMode', 'PidMode', 'IpcMode'] as const) {
    const container = hostConfig[field]?.match(/^container:(.+)$/)?.[1]
    if (container)
      needs.push({
        container,
        why: `joins its ${field.replace('Mode', '').toLowerCase()} namespace`,
        needs: 'running',
      })
  }
  for (const link of hostConfig.Links ?? []) {
    const container = link.split(':')[0]?.replace(/^\//, '')
    if (container) needs.push({ container, why: 'is linked to it', needs: 'running' })
  }
  for (const { network, asked } of endpoints) {
    for (const link of asked.links) {
      const container = link.split(':')[0]
      if (container)
        needs.push({ container, why: `is linked to it on ${network}`, needs: 'nothing', network })
    }
  }
  for (const from of hostConfig.VolumesFrom ?? []) {
    const container = from.split(':')[0]
    if (container) needs.push({ container, why: 'uses its volumes', needs: 'there' })
  }
  return needs
}

/**
 * In which stage each container starts, by its id: after all those of the group that it needs, and beside those that need
 * each other as little. Containers that need each other in a circle start together.
 */
export function startStages(manifests: readonly Manifest[]): Map<string, number> {
  const stages = new Map<string, number>()
  const stageOf = (manifest: Manifest, path: readonly Manifest[]): number => {
    const known = stages.get(manifest.id)
    if (known !== undefined) return known
    if (path.includes(manifest)) return 0
    const needed = dependenciesOf(manifest).flatMap(
      ({ container }) => manifests.find(({ name, id }) => name === container || id === container) ?? [],
    )
    const stage = Math.max(0, ...needed.map((other) => stageOf(other, [...path, manifest]) + 1))
    stages.set(manifest.id, stage)
    return stage
  }
  for (const manifest of manifests) stageOf(manifest, [])
  return stages
}
