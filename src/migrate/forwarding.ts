import type { Engine } from '../engine/engine.ts'
import { migrationLabel, type Plan, roleLabel } from '../model/plan.ts'

/** The labels of a forwarding address: the ids of the containers that left the engine, and the engine that they went to. */
const leftLabel = 'wherry.left'
const wentToLabel = 'wherry.went-to'

/** What an engine knows of a container that a migration took further. */
export interface Forwarding {
  migration: string
  engine: string
  /** The volume that says so. */
  volume: string
}

/**
 * Leaves a forwarding address, an empty volume with labels, where copies of earlier migrations are moved on from: whoever takes
 * the earlier migration back, from whatever machine, has to know that the newest copy runs elsewhere.
 */
export async function leaveForwarding({ id, containers, target }: Plan, source: Engine): Promise<void> {
  const copies = containers.filter(({ manifest }) => manifest.config.Labels?.[roleLabel] === 'target')
  if (copies.length === 0) return
  await source.volumes.create({
    Name: volumeOf(id),
    Driver: 'local',
    Labels: {
      [migrationLabel]: id,
      [roleLabel]: 'forwarding',
      [leftLabel]: copies.map(({ sourceId }) => sourceId).join(','),
      [wentToLabel]: target.engine,
    },
  })
}

/** Takes a migration's forwarding address away: the containers are back. Fine where there is none. */
export async function removeForwarding({ id }: Plan, source: Engine): Promise<void> {
  await source.volumes.remove(volumeOf(id))
}

/** Where containers went that are, or were, on this engine; undefined where none of them left it. */
export async function findForwarding(
  engine: Engine,
  ids: readonly string[],
): Promise<Forwarding | undefined> {
  for (const { Name, Labels } of await engine.volumes.list({ labels: [`${roleLabel}=forwarding`] })) {
    const left = Labels?.[leftLabel]?.split(',') ?? []
    if (!left.some((id) => ids.includes(id))) continue
    return { migration: Labels?.[migrationLabel] ?? '', engine: Labels?.[wentToLabel] ?? '', volume: Name }
  }
  return undefined
}

function volumeOf(id: string): string {
  return `wherry-${id}-forwarding`
}
