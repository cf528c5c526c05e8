import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine } from '../../engine/engine.ts'
import type { AgentMount } from '../../launch/agent.ts'
import { exitCodes, messageOf, RefusedError, WherryError } from '../../model/errors.ts'
import type { Manifest } from '../../model/manifest.ts'
import type { Report } from '../../model/progress.ts'
import type { SnapshotConfig, SnapshotTree } from '../config.ts'
import { checkpointsDirectory } from '../memory.ts'
import type { Identity } from './identity.ts'

/** The name that restored memory has on the engine until its container goes on. */
export const checkpointName = 'wherry-restored'

/** A container that is to go on where it was. */
export interface RestoredMemory {
  tree: SnapshotTree
  /** Its name now. */
  container: string
}

/** From this version on Docker cannot restore a container with a network namespace of its own (moby#50750). */
const firstWithoutOwnNetwork = 28
/** For so long containerd may keep what it had for a checkpoint of the same content. */
const collectedMs = 60_000

/** Which memory goes to which container. @throws RefusedError where there is none, or the engine cannot go on from it. */
export function planMemory(
  target: Engine,
  config: Pick<SnapshotConfig, 'id' | 'trees'>,
  manifests: readonly Manifest[],
  { identity, names }: { identity: Identity; names: ReadonlyMap<string, string> },
): RestoredMemory[] {
  if (identity === 'new') {
    throw new WherryError(
      'memory-needs-identity',
      exitCodes.usage,
      'What is in memory knows its addresses: --memory goes with --identity keep.',
    )
  }
  const running = manifests.filter(({ state }) => state.running)
  const found = running.flatMap(({ name }) => {
    const tree = config.trees.find(({ kind, container }) => kind === 'memory' && container === name)
    return tree ? [{ tree, container: names.get(name) ?? name }] : []
  })
  const without = running.filter(({ name }) => !found.some(({ tree }) => tree.container === name))
  if (without.length > 0 || found.length === 0) {
    const of = without.map(({ name }) => name).join(', ') || 'any container'
    throw new RefusedError('no-memory', `Snapshot ${config.id} has no memory of ${of}.`, {
      suggestions: ['Leave --memory out: containers are started anew.'],
    })
  }
  assertCanGoOn(target, running)
  return found
}

function assertCanGoOn(target: Engine, running: readonly Manifest[]): void {
  const suggestions = ['Leave --memory out: containers are started anew.']
  if (!target.info.ExperimentalBuild) {
    const message = `${target.name} brings back no memory: its experimental mode is off.`
    throw new RefusedError('memory-not-possible', message, {
      suggestions: [`What is missing, and how to get it: wherry doctor ${target.name}`, ...suggestions],
    })
  }
  if (Number.parseInt(target.version, 10) < firstWithoutOwnNetwork) return
  const own = running.filter(({ hostConfig }) => !/^(host$|container:)/.test(String(hostConfig.NetworkMode)))
  if (own.length === 0) return
  const names = own.map(({ name }) => name).join(', ')
  throw new RefusedError(
    'memory-not-possible',
    `Docker ${target.version} on ${target.name} cannot bring back the memory of ${names}: containers with a network of their own fail there (moby#50750).`,
    { suggestions: ['Use an engine older than Docker 28.', ...suggestions] },
  )
}

/** Where a container's memory is put: the directory of its checkpoints, which gets one more. */
export async function memoryMount(target: Engine, { container }: RestoredMemory): Promise<AgentMount> {
  const document = await target.containers.inspect(container)
  if (!document) throw new Error(`${container} has vanished`)
  return { kind: 'host', path: checkpointsDirectory(target, document.Id), readOnly: false }
}

/** Lets a container go on from its memory, which then leaves the engine's disk. @throws WherryError `memory-not-restored`. */
export async function startFromMemory(target: Engine, container: string, report: Report): Promise<void> {
  const until = performance.now() + collectedMs
  for (;;) {
    try {
      await target.containers.start(container, { checkpoint: checkpointName })
      break
    } catch (error) {
      const mayPass = /content sha256:\w+: already exists/.test(messageOf(error))
      if (!mayPass || performance.now() > until) throw notRestored(target, container, error)
      await sleep(500)
    }
  }
  await target.containers.checkpoints.remove(container, checkpointName).catch((error) => {
    const message = `The memory of ${container} could not be taken off the disk of ${target.name}: ${messageOf(error)}`
    report({ type: 'warning', code: 'checkpoint-left', message })
  })
}

function notRestored(target: Engine, container: string, cause: unknown): WherryError {
  return new WherryError(
    'memory-not-restored',
    exitCodes.rolledBack,
    `${container} could not go on from its memory on ${target.name}: ${messageOf(cause)}`,
    {
      cause,
      suggestions: [
        'Leave --memory out: containers are started anew, with the same data.',
        'The hosts need processors of the same kind, and a CRIU and a kernel that know each other: wherry doctor',
      ],
    },
  )
}
