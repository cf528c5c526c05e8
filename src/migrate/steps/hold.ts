import { agentImageReference } from '../../launch/image.ts'
import { createService } from '../../launch/service.ts'
import { type ContainerPlan, migrationLabel, type Plan, roleLabel } from '../../model/plan.ts'
import { everStarted, targetCopies } from '../carry-back.ts'
import type { Run, Step } from '../run.ts'

const role = 'holder'

/** Whether addresses must be held: a warm copy is over before anybody else could be given one that has just become free. */
export function holdsAddresses({ options, containers }: Plan): boolean {
  return options.mode === 'cold' && containers.some((container) => heldBy(container).length > 0)
}

/**
 * Keeps the addresses that are given out for a whole cluster while neither copy runs with them: a silent container on the
 * source has each. It comes again with its engine. Who cannot be started is only a warning: the addresses are free then, and
 * hardly anybody asks for just these.
 */
export const holdAddresses: Step = {
  name: 'hold',
  async do(run) {
    const { plan, source, report } = run
    if ((await targetCopies(run)).some(everStarted)) return undefined
    await release(run)
    for (const container of plan.containers) {
      try {
        await hold(run, container)
      } catch (error) {
        const message = `The addresses of ${container.name} could not be held on ${source.name} during the copy: ${error instanceof Error ? error.message : error}`
        report({ type: 'warning', code: 'not-held', message })
      }
    }
    return undefined
  },
  // The source cannot be started with an address that somebody else has.
  isVital: true,
  undo: release,
}

/** Gives up what is held. The target's engine waits for an address, some 20 s: it may be started at the same time. */
export async function release({ plan, source }: Run): Promise<void> {
  if (!holdsAddresses(plan) || source.isAbsent) return
  const labels = [`${migrationLabel}=${plan.id}`, `${roleLabel}=${role}`]
  for (const { Id } of await source.containers.list({ labels })) await source.containers.remove(Id)
}

async function hold({ plan, source }: Run, container: ContainerPlan): Promise<void> {
  for (const [index, { network, ipv4 }] of heldBy(container).entries()) {
    const id = await createService(source, {
      image: await agentImageReference(),
      name: `wherry-${plan.id}-hold-${container.name}-${index}`,
      kind: 'ghost',
      labels: { [migrationLabel]: plan.id, [roleLabel]: role },
      settings: {},
      capabilities: ['NET_ADMIN'],
      network,
      endpoint: { IPAMConfig: { IPv4Address: ipv4 } },
    })
    await source.containers.start(id)
  }
}

function heldBy({ held = [], wasRunning }: ContainerPlan): { network: string; ipv4: string }[] {
  return wasRunning ? held : []
}
