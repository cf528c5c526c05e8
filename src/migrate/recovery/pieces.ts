import type { Engine } from '../../engine/engine.ts'
import { findLocks } from '../../launch/lock.ts'
import { migrationLabel, roleLabel } from '../../model/plan.ts'

/** Something on an engine that a migration made. */
export interface Piece {
  engine: string
  migration: string
  kind: 'container' | 'volume' | 'network'
  /** `agent`, `lock` or `target`. */
  role: string
  id: string
  name: string
  /** Of a container: `running`, `exited`, … */
  state: string
}

/** What migrations left or have in use on an engine, found by its labels alone, and which of them somebody works on. */
export async function findPieces(engine: Engine): Promise<{ pieces: Piece[]; held: Set<string> }> {
  const [containers, volumes, networks, locks] = await Promise.all([
    engine.containers.list({ labels: [roleLabel] }),
    engine.volumes.list({ labels: [migrationLabel] }),
    engine.networks.list(),
    findLocks(engine),
  ])
  const piece = (kind: Piece['kind'], id: string, name: string, labels: Labels, state = ''): Piece => ({
    engine: engine.name,
    migration: labels?.[migrationLabel] ?? '',
    kind,
    role: labels?.[roleLabel] ?? '',
    id,
    name,
    state,
  })
  const pieces = [
    ...containers.map(({ Id, Names, Labels, State }) =>
      piece('container', Id, Names[0]?.slice(1) ?? Id, Labels, State),
    ),
    ...volumes.map(({ Name, Labels }) => piece('volume', Name, Name, Labels)),
    ...networks
      .filter(({ Labels }) => Labels?.[migrationLabel])
      .map(({ Id, Name, Labels }) => piece('network', Id, Name, Labels)),
  ]
  const held = new Set(locks.filter(({ isHeld }) => isHeld).map(({ migration }) => migration))
  return { pieces, held }
}

type Labels = Record<string, string> | null | undefined
