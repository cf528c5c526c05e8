import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Engine } from '../../src/engine/engine.ts'
import { image } from './harness/configurations.ts'
import { fromTo } from './harness/counter.ts'
import { clear, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { ask, startPeer } from './harness/peers.ts'
import { stretchNew } from './harness/stretched.ts'
import { succeed } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

/** Containers that are started one after the other: each gets the lowest address that is free. */
class Starters {
  readonly addresses: string[] = []
  readonly #engine: Engine
  readonly #running: Promise<void>[]
  #goesOn = true

  constructor(engine: Engine, count: number) {
    this.#engine = engine
    this.#running = Array.from({ length: count }, (_, index) => this.#go(`t-starter-${index}`))
  }

  async stop(): Promise<void> {
    this.#goesOn = false
    await Promise.all(this.#running)
  }

  async #go(name: string): Promise<void> {
    const { containers } = this.#engine
    const body = { Image: image, Entrypoint: ['sleep', 'infinity'], HostConfig: { NetworkMode: 't-net' } }
    const id = await containers.create(name, body)
    while (this.#goesOn) {
      await containers.start(id)
      const address = (await containers.inspect(id))?.NetworkSettings.Networks['t-net']?.IPAddress
      if (address) this.addresses.push(address)
      await containers.kill(id)
    }
    await containers.remove(id)
  }
}

for (const [what, options] of [
  ['the user', ['--subnet', '10.77.9.0/24']],
  ['the engine', []],
] as const) {
  t.test(`nobody gets the address of a container that moves, in a subnet that ${what} chose`, async (t) => {
    t.teardown(() => clear(lab))
    await stretchNew('t-net', ...options)
    // The lowest address there is: whoever comes when it is free gets it.
    await startPeer('alpha', 't-it', '--network', 't-net')
    await startPeer('alpha', 't-near', '--network', 't-net')
    const address = await addressOn(lab.alpha)
    const starters = [new Starters(lab.alpha, 2), new Starters(lab.beta, 1)]
    await sleep(1000)
    const moved = await succeed('migrate', 't-it', ...fromTo).catch((error) => error)
    t.type(moved.id, 'string', moved instanceof Error ? moved.message : 'it is moved')
    await sleep(1000)
    for (const one of starters) await one.stop()
    const [ofAlpha = [], ofBeta = []] = starters.map(({ addresses }) => addresses)
    t.ok(ofAlpha.length > 5 && ofBeta.length > 2, `${ofAlpha.length} and ${ofBeta.length} were started`)
    t.notOk([...ofAlpha, ...ofBeta].includes(address), `none of them had ${address}`)
    const twice = ofAlpha.filter((one) => ofBeta.includes(one))
    t.strictSame(twice, [], 'and none had one of the other engine')
    t.equal(await addressOn(lab.beta), address, 'it has it still')
    t.strictSame((await ask('alpha', 't-near', 't-it')).failure, undefined, 'and is reached there')
  })
}

async function addressOn(engine: Engine): Promise<string> {
  return (await engine.containers.inspect('t-it'))?.NetworkSettings.Networks['t-net']?.IPAddress ?? ''
}
