import type { Engine } from '../../engine/engine.ts'
import { findLocks } from '../../launch/lock.ts'
import { migrationLabel, type Plan, roleLabel } from '../../model/plan.ts'
import { ghostRole } from '../../network/ghosts.ts'
import { keeperRole } from '../../network/membership.ts'
import { planIn, wayBackIn } from '../plan-label.ts'

/** Something on an engine that a migration made. */
export interface Piece {
  engine: string
  migration: string
  kind: 'container' | 'volume' | 'network'
  /** `agent`, `lock`, `record`, `forwarding`, `target` or, of the copy that stayed, `source`. */
  role: string
  id: string
  name: string
  /** Of a container: `running`, `exited`, … */
  state: string
}

/**
 * Everything that migrations left or have in use on these engines: what their labels show, and the copies that stayed on the
 * source, which the copies on the target name.
 */
export async function findAllPieces(engines: readonly Engine[]): Promise<Piece[]> {
  const found = await Promise.all(engines.map(findPieces))
  const plans = new Map(found.flatMap(({ plans }) => plans).map((plan) => [plan.id, plan]))
  const sources = [...plans.values()].flatMap((plan) =>
    engines.filter(({ info }) => info.ID === plan.source.id).map((engine) => sourceCopies(engine, plan)),
  )
  return [...found.flatMap(({ pieces }) => pieces), ...(await Promise.all(sources)).flat()]
}

async function sourceCopies(engine: Engine, { id, containers }: Plan): Promise<Piece[]> {
  const documents = await Promise.all(containers.map(({ sourceId }) => engine.containers.inspect(sourceId)))
  return documents
    .filter((document) => document !== undefined)
    .map(({ Id, Name, State }) => ({
      engine: engine.name,
      migration: id,
      kind: 'container',
      role: 'source',
      id: Id,
      name: Name.slice(1),
      state: State.Status,
    }))
}

/** What stays on engines also without a migration: `wherry network list` shows it. */
const standing = [ghostRole, keeperRole]

/** What migrations left or have in use on an engine, found by its labels alone, and which of them somebody works on. */
export async function findPieces(
  engine: Engine,
): Promise<{ pieces: Piece[]; held: Set<string>; plans: Plan[] }> {
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
    ...containers
      .filter(({ Labels }) => Labels[migrationLabel] || !standing.includes(Labels[roleLabel] ?? ''))
      .map(({ Id, Names, Labels, State }) => piece('container', Id, Names[0]?.slice(1) ?? Id, Labels, State)),
    ...volumes.map(({ Name, Labels }) => piece('volume', Name, Name, Labels)),
    ...networks
      .filter(({ Labels }) => Labels?.[migrationLabel])
      .map(({ Id, Name, Labels }) => piece('network', Id, Name, Labels)),
  ]
  const held = new Set(locks.filter(({ isHeld }) => isHeld).map(({ migration }) => migration))
  const plans = containers.map(({ Labels }) => planIn(Labels) ?? wayBackIn(Labels))
  return { pieces, held, plans: plans.filter((plan) => plan !== undefined) }
}

type Labels = Record<string, string> | null | undefined
