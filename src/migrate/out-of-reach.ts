import type { Engine } from '../engine/engine.ts'
import { migrationLabel, type Plan } from '../model/plan.ts'
import { assertInReach } from '../network/addresses.ts'

/** An address that an engine has to give out, to a ghost or to the container itself. */
interface Wanted {
  engine: Engine
  network: string
  ipv4: string
}

/**
 * The addresses of a stretched network can be had, also where an engine lets nobody choose one. What is asked of an engine for it leaves
 * nothing behind. @throws RefusedError `address-out-of-reach`
 */
export async function assertAddresses(
  source: Engine,
  target: Engine,
  { id, ghosts, networks }: Plan,
  image: string,
): Promise<void> {
  const stretched = networks.filter(({ action }) => action === 'stretch').map(({ name }) => name)
  const of = (engine: Engine, list: Plan['ghosts']['onSource']): Wanted[] =>
    list.flatMap(({ endpoints }) => endpoints.map(({ network, ipv4 }) => ({ engine, network, ipv4 })))
  const ghostly = of(target, ghosts.onTarget)
  // Where containers go they have the addresses that ghosts keep for them where they were.
  const wanted = [...of(source, ghosts.onSource), ...of(target, ghosts.onSource), ...ghostly]
  for (const { engine, network, ipv4 } of wanted) {
    if (!ipv4 || !stretched.includes(network)) continue
    // By then these are taken.
    const taken = wanted.filter((one) => one.engine === engine && one.network === network)
    const labels = { [migrationLabel]: id }
    const asked = { network, address: ipv4, taken: taken.map((one) => one.ipv4) }
    await assertInReach(engine, asked, image, labels)
  }
}
