import { ensureAgentImage } from '../../launch/image.ts'
import { exitCodes, messageOf, WherryError } from '../../model/errors.ts'
import type { ForwardPlan } from '../../model/plan.ts'
import {
  checkReach,
  putForwarderBack,
  removeForwarders,
  setForwarderAside,
  startForwarder,
} from '../../network/forwarders.ts'
import { withActualPorts } from '../forwards.ts'
import type { Run, Step } from '../run.ts'

/**
 * Starts the forwarders as soon as the source's ports are free: until the target answers they hold new connections, so that
 * clients wait instead of being refused. The final round does not wait for that. Where the target's engine chooses a port, the
 * forwarder is started when it is known.
 */
export const startForwarders: Step = {
  name: 'forward',
  async do(run) {
    const known = (run.plan.forwards ?? []).filter(({ ports }) => ports.every(({ targetPort }) => targetPort))
    run.forwarding = Promise.all(known.map((plan) => start(run, plan)))
    // Whoever waits for it hears of a failure.
    run.forwarding.catch(() => {})
    return undefined
  },
  // They have the ports that the source needs.
  isVital: true,
  async undo({ plan, source, forwarding }) {
    // What is still being created would not be found.
    await forwarding?.catch(() => {})
    await removeForwarders(source, { migration: plan.id })
  },
}

/** Gives the forwarders the ports that the target has now, and makes sure that they reach it. */
export const checkForwarders: Step = {
  name: 'forward-check',
  async do(run) {
    const { plan, source, target } = run
    if (source.isAbsent) return undefined
    await run.forwarding
    for (const forward of plan.forwards ?? []) {
      const now = await target.containers.inspect(forward.container)
      const id = await start(run, withActualPorts(forward, now?.NetworkSettings.Ports ?? {}))
      await checkReach(source, id).catch((error) => {
        throw unreachable(run, forward, error)
      })
    }
    return undefined
  },
  isVital: true,
  undo: (run) => startForwarders.undo?.(run) ?? Promise.resolve(),
}

/**
 * Frees the ports of containers that come back to an engine whose forwarder has them. It stays there, stopped, for a rollback
 * to put back.
 */
export const setForwardersAside: Step = {
  name: 'set-aside',
  async do({ plan, target }) {
    for (const name of plan.setAside ?? []) await setForwarderAside(target, name)
    return undefined
  },
  async undo({ plan, target }) {
    for (const name of plan.setAside ?? []) await putForwarderBack(target, name)
  },
}

async function start({ plan, source, target, report }: Run, forward: ForwardPlan): Promise<string> {
  const { reference: image } = await ensureAgentImage(source, [target], report)
  return startForwarder(source, { image, migration: plan.id, target: target.name, plan: forward })
}

function unreachable({ source, target, plan }: Run, { container }: ForwardPlan, error: unknown): WherryError {
  return new WherryError(
    'forward-unreachable',
    exitCodes.rolledBack,
    `${source.name} does not reach what ${container} publishes on ${target.name}: ${messageOf(error)}`,
    {
      suggestions: [
        `Let ${source.name} through the firewall of ${target.name}, or leave --forward out.`,
        `Where that is the wrong address, reach ${target.name} under another URL: --to ssh://USER@HOST`,
      ],
      data: { migration: plan.id, container },
      cause: error,
    },
  )
}
