import type { Engine } from '../engine/engine.ts'
import { createAnnouncer, letAnnounce } from '../launch/announcer.ts'
import { roleLabel } from '../model/plan.ts'

/**
 * From this one on engines announce whatever is connected to a network, ghosts too, as soon as its bridge lets it through, and with a
 * MAC address that nobody can choose for a container that runs (seen on 28.5).
 */
const announcesFrom = 28

/** Whether neighbours are misled by a ghost that is put on an engine: its MAC address is told to them, and is not the container's. */
export function announcesGhosts({ version }: Engine): boolean {
  return Number.parseInt(version, 10) >= announcesFrom
}

/**
 * Lets containers of an engine say where they are, after ghosts of theirs were put elsewhere by an engine that announces them:
 * neighbours would send there what is meant for them, for some seconds. Never fails, for then it is only later that they are
 * found again. Containers that do not run here are left out.
 */
export async function tellAgain(
  engine: Engine,
  names: readonly string[],
  image: string,
  labels: Record<string, string>,
): Promise<void> {
  // Neighbours learn it by themselves too, only later.
  await Promise.all(names.map((name) => tell(engine, name, image, labels).catch(() => {})))
}

async function tell(
  engine: Engine,
  container: string,
  image: string,
  labels: Record<string, string>,
): Promise<void> {
  const there = await engine.containers.inspect(container)
  if (!there?.State.Running) return
  const name = `wherry-tell-${process.pid}-${there.Id.slice(0, 12)}`
  // On all of its networks, for its ghost has been put on them all anew.
  const addresses = Object.values(there.NetworkSettings.Networks)
    .flatMap(({ IPAddress, GlobalIPv6Address }) => [IPAddress ?? '', GlobalIPv6Address ?? ''])
    .filter(Boolean)
  const request = { image, name, labels: { ...labels, [roleLabel]: 'agent' }, container, addresses }
  const id = await createAnnouncer(engine, request)
  try {
    await letAnnounce(engine, id)
  } catch (error) {
    // Why it could not announce says more.
    await engine.containers.remove(id).catch(() => {})
    throw error
  }
}
