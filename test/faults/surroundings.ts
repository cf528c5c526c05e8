import type { Engine } from '../../src/engine/engine.ts'
import type { ContainerDocument } from '../../src/model/documents.ts'
import { differences, type Exception, exceptions } from '../lab/harness/documents.ts'
import type { EngineName, Lab } from '../lab/harness/engines.ts'
import { hostTraces, joinedObjects } from './joined.ts'
import type { Way } from './matrix.ts'
import { workload } from './workload.ts'

/** What engines call the volumes that nobody named. */
export const anonymousName = /^[0-9a-f]{64}$/

const predefined = new Set(['bridge', 'host', 'none'])

/** What is on an engine, one line for each object. */
async function objectsOn(engine: Engine): Promise<string[]> {
  const [containers, volumes, networks, images] = await Promise.all([
    engine.containers.list(),
    engine.volumes.list(),
    engine.networks.list(),
    engine.images.listNames(),
  ])
  return [
    ...containers.map(({ Id, Names }) => `container ${Names[0]} ${Id.slice(0, 12)}`),
    ...volumes.map(({ Name }) => `volume ${Name}`),
    // The predefined networks get other ids whenever the daemon starts.
    ...networks.map(({ Id, Name }) => `network ${Name} ${predefined.has(Name) ? '' : Id.slice(0, 12)}`),
    // wherry's own images stay on purpose, for the next migration.
    ...images.filter((name) => !/wherry-(agent|network):/.test(name)).map((name) => `image ${name}`),
  ]
}

/** The same and, where networks may be joined, what is on the engine's host. */
async function found(lab: Lab, engine: EngineName, { isStretched }: Way): Promise<string[]> {
  return [...(await objectsOn(lab[engine])), ...(isStretched ? await hostTraces(lab, engine) : [])]
}

/** Both engines and the container, as they were before a migration. */
export interface Before {
  way: Way
  alpha: string[]
  beta: string[]
  container: ContainerDocument
}

export async function lookBefore(lab: Lab, way: Way): Promise<Before> {
  const container = await lab.alpha.containers.inspect(workload.name)
  if (!container) throw new Error(`${workload.name} is not on alpha`)
  return { way, alpha: await found(lab, 'alpha', way), beta: await found(lab, 'beta', way), container }
}

/** What is there that should not be, and what is missing, with the container where it has to be by now. */
export async function surroundingProblems(lab: Lab, before: Before, where: EngineName): Promise<string[]> {
  const { way } = before
  const problems: string[] = []
  for (const engine of ['alpha', 'beta'] as const) {
    const now = await found(lab, engine, way)
    const isOver = where === 'beta'
    const moved = isOver && engine === 'beta' ? await objectsOf(lab.beta) : []
    const joined = isOver && way.isStretched ? await joinedObjects(lab, engine, now) : []
    problems.push(...compared(engine, [...new Set([...before[engine], ...moved, ...joined])], now))
  }
  return problems
}

/** What the copy of the container brings along. */
async function objectsOf(engine: Engine): Promise<string[]> {
  const copy = await engine.containers.inspect(workload.name)
  if (!copy) return []
  const network = await engine.networks.inspect(workload.network)
  return [
    `container ${copy.Name} ${copy.Id.slice(0, 12)}`,
    `volume ${workload.volume}`,
    ...copy.Mounts.map(({ Name }) => `volume ${Name}`),
    `network ${workload.network} ${network?.Id.slice(0, 12)}`,
    `image ${copy.Image} ${copy.Config.Image}`,
  ]
}

function compared(engine: EngineName, expected: readonly string[], found: readonly string[]): string[] {
  return [
    ...found.filter((one) => !expected.includes(one)).map((one) => `left on ${engine}: ${one}`),
    ...expected.filter((one) => !found.includes(one)).map((one) => `missing on ${engine}: ${one}`),
  ]
}

/** A stretched network's neighbours know the MAC address: the copy asks for it, and shows that it did. */
const asksForMac: Exception = {
  path: /^Config\.MacAddress$/,
  why: 'the MAC address is kept by asking for it',
}

/** Whether exactly the copy that should run does, with everything that the container had before. */
export async function copyProblems(lab: Lab, before: Before, where: EngineName): Promise<string[]> {
  const [onAlpha, onBeta] = await Promise.all([
    lab.alpha.containers.inspect(workload.name),
    lab.beta.containers.inspect(workload.name),
  ])
  const [running, other, elsewhere] =
    where === 'alpha' ? [onAlpha, onBeta, 'beta'] : [onBeta, onAlpha, 'alpha']
  const problems: string[] = []
  if (!running?.State.Running || running.State.Paused)
    problems.push(`does not run on ${where}: ${running?.State.Status ?? 'is not there'}`)
  else problems.push(...changes(before, running, where))
  if (other?.State.Running && !other.State.Paused) problems.push(`runs on ${elsewhere}`)
  if (where === 'beta' && !onAlpha) problems.push('the fenced copy is gone')
  if (where === 'beta' && !/^(no)?$/.test(onAlpha?.HostConfig.RestartPolicy?.Name ?? ''))
    problems.push(`the copy on alpha is not fenced: ${onAlpha?.HostConfig.RestartPolicy?.Name}`)
  return problems
}

/** What `docker inspect` shows otherwise than before: names, addresses, restart policy and all the rest. */
function changes({ way, container }: Before, now: ContainerDocument, where: EngineName): string[] {
  const allowed = way.isStretched && where === 'beta' ? [...exceptions, asksForMac] : exceptions
  const found = differences(comparable(container), comparable(now), allowed)
  if (where === 'alpha' && container.Id !== now.Id) found.push('it is another container than before')
  return found.map((difference) => `changed: ${difference}`)
}

/** Without its state and what an engine generates for each copy, and with its mounts in one order. */
function comparable({ State: _, ...document }: ContainerDocument): unknown {
  const generated = [
    document.Id.slice(0, 12),
    ...document.Mounts.flatMap(({ Name }) => anonymousName.exec(Name ?? '') ?? []),
  ]
  const text = generated.reduce((all, name) => all.replaceAll(name, 'generated'), JSON.stringify(document))
  const copy = JSON.parse(text) as ContainerDocument
  copy.Mounts.sort((a, b) => a.Destination.localeCompare(b.Destination))
  return copy
}
