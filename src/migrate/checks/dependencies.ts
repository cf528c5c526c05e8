import type { Manifest } from '../../model/manifest.ts'
import type { MigrateOptions } from '../../model/plan.ts'
import type { Facts } from '../facts.ts'
import { type Dependency, dependenciesOf } from '../order.ts'
import { spanningNetworks } from '../plan-ghosts.ts'
import { type Check, dockerFor, type Finder, findings, inGroup } from './check.ts'

/** What joins or is linked to a container finds it after the move, on either side. */
export const checkDependencies: Check = (facts, options) => {
  const found = findings()
  const spanning = spanningNetworks(facts, options)
  for (const manifest of facts.manifests) {
    for (const need of dependenciesOf(manifest)) {
      if (inGroup(facts.manifests, need.container)) continue
      if (need.needs === 'nothing') checkLink(facts, options, manifest, need, spanning, found)
      else checkNeed(facts, manifest, need, found)
    }
    if (manifest.state.running) checkDependents(facts, options, manifest, found)
  }
  return found
}

function checkNeed(
  { isSnapshot, target, targetContainers }: Facts,
  { name, state }: Manifest,
  { container, why, needs }: Dependency,
  found: Finder,
): void {
  const there = targetContainers.find(({ Names }) => Names.includes(`/${container}`))
  if (!there) {
    found.refuse(
      'depends-on-other',
      `${name} needs ${container} (${why}), which does not come along and is not on ${target.name}.`,
      isSnapshot
        ? `Restore ${container} too, from this snapshot or one that holds it, or make it there first.`
        : moveBoth(name, container, target.name),
    )
  } else if (needs === 'running' && state.running && there.State !== 'running') {
    found.refuse(
      'depends-on-other',
      `${name} needs ${container} (${why}), which does not run on ${target.name}.`,
      `Start it there: ${dockerFor(target.name)} start ${container}`,
    )
  }
}

/** On networks that somebody made a link is a name of one's own for the other's: it leads there wherever that one is known. */
function checkLink(
  { source, target, sourceContainers, targetContainers }: Facts,
  { leavePeers }: MigrateOptions,
  { name }: Manifest,
  { container, network = '' }: Dependency,
  spanning: readonly string[],
  found: Finder,
): void {
  const isNamed = ({ Names }: { Names: string[] }) => Names.includes(`/${container}`)
  // A link to nobody loses nothing.
  if (spanning.includes(network) || targetContainers.some(isNamed) || !sourceContainers.some(isNamed)) return
  const lost = `${name} is linked to ${container} on network ${network}, which stays on ${source.name}: the link would lead nowhere`
  if (leavePeers) {
    found.warn('link-lost', `${lost}.`)
    return
  }
  found.refuse(
    'depends-on-other',
    `${lost}.`,
    moveBoth(name, container, target.name),
    'Or join the network of both engines, where the link works as before: --stretch',
  )
}

/** Who stays, and shares the network of a container that moves, or is linked to it on the default bridge. */
function checkDependents(
  { manifests, source, target, sourceContainers }: Facts,
  { leavePeers }: MigrateOptions,
  { name, id }: Manifest,
  found: Finder,
): void {
  const staying = sourceContainers.filter(({ Id, State }) => State === 'running' && !inGroup(manifests, Id))
  const linking = sourceContainers
    .filter(({ Id }) => Id === id)
    .flatMap(({ Names }) => Names.flatMap((one) => one.match(/^\/([^/]+)\/[^/]+$/)?.[1] ?? []))
  for (const { Names, HostConfig } of staying) {
    const other = Names.find((one) => one.lastIndexOf('/') === 0)?.slice(1) ?? ''
    const joins = HostConfig?.NetworkMode === `container:${id}`
    if (!joins && !linking.includes(other)) continue
    const lost = `${other} on ${source.name} ${joins ? 'shares the network of' : 'is linked to'} ${name}, and would lose it`
    if (leavePeers) {
      found.warn('needed-by-other', `${lost}.`)
      continue
    }
    found.refuse(
      'needed-by-other',
      `${lost}.`,
      moveBoth(name, other, target.name),
      'Or accept that: --leave-peers',
    )
  }
}

function moveBoth(name: string, other: string, target: string): string {
  return `Move both: wherry migrate ${name} ${other} --to ${target}`
}
