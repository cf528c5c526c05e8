import { isDeepStrictEqual } from 'node:util'
import type { Engine } from '../engine/engine.ts'
import { createService } from '../launch/service.ts'
import { keeperLabels, keeperName, type Membership, type StretchRecord } from './membership.ts'

/** What a keeper's container is made of. */
export interface KeeperRequest {
  engine: Engine
  image: string
  record: StretchRecord
  /** Beside the keeper's own. */
  labels: Record<string, string>
}

/** The host's network and the means to change it, and nothing else. */
const capabilities = ['NET_ADMIN']

/**
 * Puts a keeper on an engine, in place of the one that may be there: the link itself stays meanwhile.
 * @returns how to put back what was there.
 */
export async function placeKeeper(
  request: KeeperRequest,
  before: Membership | undefined,
): Promise<() => Promise<void>> {
  const { engine, record, labels, image } = request
  if (before?.isRunning && isDeepStrictEqual(before.record, record)) return async () => {}
  if (before) await engine.containers.remove(before.containerId)
  const { network } = record.settings
  const id = await createService(engine, {
    image,
    name: keeperName(network),
    kind: 'stretch',
    labels: { ...(before?.labels ?? {}), ...labels, ...keeperLabels(network, record) },
    settings: record.settings,
    capabilities,
    network: 'host',
    stopSignal: 'SIGTERM',
  })
  await engine.containers.start(id)
  return async () => {
    if (before)
      await placeKeeper(
        { ...request, record: before.record },
        { ...before, containerId: id, isRunning: true },
      )
    else await removeKeeper(engine, id)
  }
}

/** Takes a keeper away with the link that it keeps. */
export async function removeKeeper(engine: Engine, id: string): Promise<void> {
  // One that does not run could not take its link along; nor could one that is stopped before it listens.
  await engine.containers.start(id)
  await engine.containers.kill(id, 'SIGTERM')
  await engine.containers.remove(id)
}
