import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { keyVariable } from '../agent/network/settings.ts'
import type { Engine } from '../engine/engine.ts'
import { createService } from '../launch/service.ts'
import { exitCodes, messageOf, WherryError } from '../model/errors.ts'
import { roleLabel } from '../model/plan.ts'
import {
  keeperLabels,
  keeperName,
  keeperRole,
  type Membership,
  type StretchRecord,
  tunnelKeyOf,
} from './membership.ts'

/** What a keeper's container is made of. */
export interface KeeperRequest {
  engine: Engine
  image: string
  record: StretchRecord
  /** The private key of its tunnel, base64; that of the keeper that was there unless told. */
  tunnelKey?: string | undefined
  /** Of one that is new, beside its own; one that was there keeps those that it has. */
  labels: Record<string, string>
}

/** How to put back what was there. */
export type Undo = () => Promise<void>

/** Undoes from the last to the first, all that can be. @returns why the others could not. */
export async function putBack(undo: readonly Undo[]): Promise<string[]> {
  const left: string[] = []
  for (const step of undo.toReversed()) {
    await step().catch((error) => {
      left.push(messageOf(error))
    })
  }
  return left
}

/** The host's network and the means to change it, and nothing else. */
const capabilities = ['NET_ADMIN']

const pollMs = 50
/** Far more than taking a link away needs, and enough for one more look of a keeper that could not join at once. */
const patienceMs = { removal: 60_000, joining: 12_000 }

/**
 * Puts a keeper on an engine, in place of the one that may be there: the link itself stays meanwhile. How to put back what was there
 * comes to `undo` before anything is changed.
 */
export async function placeKeeper(
  request: KeeperRequest,
  before: Membership | undefined,
  undo: Undo[],
): Promise<void> {
  const { engine, record } = request
  const keyBefore = before && (await tunnelKeyOf(before))
  const tunnelKey = request.tunnelKey ?? keyBefore
  if (before?.isRunning && isDeepStrictEqual(before.record, record) && tunnelKey === keyBefore) return
  // A link that was there before a migration is not that migration's to take away.
  const labels = before?.labels ?? request.labels
  undo.push(async () => {
    if (!before) return removeKeeper(request)
    const id = await createKeeper({ ...before, tunnelKey: keyBefore })
    if (before.isRunning) await engine.containers.start(id)
  })
  await engine.containers.start(await createKeeper({ ...request, labels, tunnelKey }))
}

/** Creates a keeper, not started, in place of the one that may be there. */
async function createKeeper({ engine, image, record, labels, tunnelKey }: KeeperRequest): Promise<string> {
  const { network } = record.settings
  await takeAway(engine, network)
  return createService(engine, {
    image,
    name: keeperName(network),
    kind: 'stretch',
    labels: { ...labels, ...keeperLabels(network, record) },
    settings: record.settings,
    ...(tunnelKey ? { environment: { [keyVariable]: tunnelKey } } : {}),
    capabilities,
    network: 'host',
    stopSignal: 'SIGTERM',
  })
}

/** Removes the container alone: a keeper that is killed leaves its link. One of somebody else's is left alone. */
async function takeAway(engine: Engine, network: string): Promise<void> {
  const there = await engine.containers.inspect(keeperName(network))
  if (there?.Config.Labels?.[roleLabel] === keeperRole) await engine.containers.remove(there.Id)
}

/**
 * Takes a keeper away with the link that it keeps, whether it runs or not. A container with its name and labels does that in its
 * place, so that a removal that fails can be repeated.
 * @throws WherryError `link-not-removed`
 */
export async function removeKeeper({ engine, image, record, labels }: KeeperRequest): Promise<void> {
  const { network } = record.settings
  await takeAway(engine, network)
  const id = await engine.containers.create(keeperName(network), {
    Image: image,
    Cmd: ['unstretch', JSON.stringify(record.settings)],
    Labels: { ...labels, ...keeperLabels(network, record) },
    User: '0:0',
    StopSignal: 'SIGKILL',
    HostConfig: {
      NetworkMode: 'host',
      CapDrop: ['ALL'],
      CapAdd: capabilities,
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
    },
  })
  await engine.containers.start(id)
  await untilEnded(engine, id, network)
  await engine.containers.remove(id)
}

async function untilEnded(engine: Engine, id: string, network: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < patienceMs.removal; waitedMs += pollMs) {
    const state = (await engine.containers.inspect(id))?.State
    if (state?.Running) await sleep(pollMs)
    else if (state?.ExitCode === 0) return
    else break
  }
  const words = await engine.containers.logs(id, 20).catch(messageOf)
  throw new WherryError(
    'link-not-removed',
    exitCodes.unexpected,
    `The link of ${network} on ${engine.name} could not be taken away: ${words.trim() || 'it takes too long'}`,
    { suggestions: [`Try again: wherry network unstretch ${network} --on ${engine.name}`] },
  )
}

/** The last that a keeper said. */
export async function lastWords(engine: Engine, network: string): Promise<string> {
  return (await engine.containers.logs(keeperName(network), 1)).trim()
}

/**
 * Waits until a keeper has joined its network; for one that says nothing, only so long.
 * @throws WherryError `not-joined` in the words of one that could not.
 */
export async function assertJoined(
  engine: Engine,
  network: string,
  timeoutMs = patienceMs.joining,
): Promise<void> {
  let said = ''
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += pollMs) {
    said = await lastWords(engine, network)
    if (said !== '' && !hasFailed(said, network)) return
    await sleep(pollMs)
  }
  if (hasFailed(said, network))
    throw new WherryError('not-joined', exitCodes.refused, `${engine.name} says: ${said}`)
}

function hasFailed(said: string, network: string): boolean {
  return said.startsWith(`${network}: not joined`)
}
