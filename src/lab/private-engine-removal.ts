import { access, rm } from 'node:fs/promises'
import { restoreMachine } from './machine-state.ts'
import { labBridges } from './network.ts'
import type { PrivateEnginePlaces } from './places.ts'
import { endProcess, enginePid } from './private-engine.ts'
import { processesOf } from './processes.ts'
import { killCgroup, labCgroups, removeBridge, removeCgroups, unmountUnder } from './remains.ts'

/** Whether there is a private engine, running or what a killed one left. */
export async function hasPrivateEngine(places: PrivateEnginePlaces): Promise<boolean> {
  const there = await Promise.all(
    [places.directory, places.exec].map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  )
  return there.includes(true)
}

/**
 * Ends the private engine and takes back what it did to the machine: processes, mounts, interfaces, firewall rules,
 * cgroups and files. Works on one that was killed, too.
 * @param keepData keeps its images.
 */
export async function removePrivateEngine(places: PrivateEnginePlaces, keepData: boolean): Promise<void> {
  const dockerd = await enginePid(places)
  if (dockerd) await endProcess(dockerd)
  for (const { pid } of await processesOf(places.exec)) await endProcess(pid)
  await killCgroup(places.cgroup)
  await unmountUnder(places.exec)
  await unmountUnder(places.directory)
  // Those of other state directories' labs, which were on this engine too, are nobody's any more.
  for (const bridge of labBridges) await removeBridge(bridge)
  await restoreMachine(places.before)
  for (const name of await labCgroups()) await removeCgroups(name)
  await rm(places.exec, { recursive: true, force: true })
  if (keepData) {
    await rm(places.before, { force: true })
    await rm(places.pid, { force: true })
    await rm(places.socket, { force: true })
  } else {
    await rm(places.directory, { recursive: true, force: true })
  }
}
