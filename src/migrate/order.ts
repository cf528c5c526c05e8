import type { Manifest } from '../model/manifest.ts'

/** The containers that one container needs before it can start: joined namespaces, links, volumes of others. */
export function dependenciesOf({ hostConfig, endpoints }: Manifest): { container: string; why: string }[] {
  const needs: { container: string; why: string }[] = []
  for (const field of ['NetworkMode', 'PidMode', 'IpcMode'] as const) {
    const container = hostConfig[field]?.match(/^container:(.+)$/)?.[1]
    if (container)
      needs.push({ container, why: `joins its ${field.replace('Mode', '').toLowerCase()} namespace` })
  }
  for (const link of [...(hostConfig.Links ?? []), ...endpoints.flatMap(({ asked }) => asked.links)]) {
    const container = link.split(':')[0]?.replace(/^\//, '')
    if (container) needs.push({ container, why: 'is linked to it' })
  }
  for (const from of hostConfig.VolumesFrom ?? []) {
    const container = from.split(':')[0]
    if (container) needs.push({ container, why: 'uses its volumes' })
  }
  return needs
}

/** Sorts the containers so that each comes after those of the group that it needs; otherwise the given order stays. */
export function startOrder(manifests: readonly Manifest[]): Manifest[] {
  const sorted: Manifest[] = []
  const visit = (manifest: Manifest, path: readonly Manifest[]) => {
    if (sorted.includes(manifest) || path.includes(manifest)) return
    for (const { container } of dependenciesOf(manifest)) {
      const other = manifests.find(({ name, id }) => name === container || id === container)
      if (other) visit(other, [...path, manifest])
    }
    sorted.push(manifest)
  }
  for (const manifest of manifests) visit(manifest, [])
  return sorted
}
