import type { Engine } from '../engine/engine.ts'
import { createAnnouncer, letAnnounce } from '../launch/announcer.ts'
import { agentImageReference } from '../launch/image.ts'
import { messageOf } from '../model/errors.ts'
import { type ContainerPlan, migrationLabel, roleLabel } from '../model/plan.ts'
import type { Run } from './run.ts'

/**
 * Makes ready what will tell the neighbours of containers on a LAN, who remember where an address was, of its new place. It
 * counts among the migration's agents, and goes with them.
 */
export async function prepareAnnouncers(run: Run): Promise<void> {
  const { plan, target } = run
  for (const container of plan.containers) {
    // What fails now is tried again when the container has started, and told then.
    if (isAnnounced(container)) await prepared(run, target, container).catch(() => {})
  }
}

/**
 * Tells the neighbours of a container that has just started. Never fails: without it they find the container when what
 * they remember has grown old, and the user is told so.
 */
export async function announce(run: Run, engine: Engine, container: ContainerPlan): Promise<void> {
  if (!isAnnounced(container)) return
  try {
    await letAnnounce(engine, await prepared(run, engine, container))
  } catch (error) {
    const message = `The neighbours of ${container.name} could not be told that it is on ${engine.name} now; they may look for it in the old place for some minutes: ${messageOf(error)}`
    run.report({ type: 'warning', code: 'not-announced', message })
  }
}

function isAnnounced({ announced = [], wasRunning }: ContainerPlan): boolean {
  return wasRunning && announced.length > 0
}

/** The announcer of a container, made now where it has not been. */
async function prepared({ plan }: Run, engine: Engine, container: ContainerPlan): Promise<string> {
  const name = `wherry-${plan.id}-announce-${container.name}`
  const there = await engine.containers.inspect(name)
  if (there) return there.Id
  return createAnnouncer(engine, {
    image: await agentImageReference(),
    name,
    labels: { [migrationLabel]: plan.id, [roleLabel]: 'agent' },
    container: container.name,
    addresses: container.announced ?? [],
  })
}
