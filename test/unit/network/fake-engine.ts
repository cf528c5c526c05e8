import type { Engine } from '../../../src/engine/engine.ts'
import type { NetworkDocument } from '../../../src/model/documents.ts'
import { keeperLabels, type StretchRecord } from '../../../src/network/membership.ts'

/** A container as the fake keeps it. */
export interface FakeContainer {
  Id: string
  Name: string
  // biome-ignore lint/suspicious/noExplicitAny: the body of a request
  body: any
  isRunning: boolean
  exitCode: number
  networks: Record<string, object>
}

/** As much of an engine as keepers need, and what was asked of it. A service `unstretch` ends at once, with `endsWith`. */
export class FakeEngine {
  readonly made: FakeContainer[] = []
  readonly networks: Partial<NetworkDocument>[] = []
  /** What was started: the service and, of it, the settings' peers. */
  readonly started: string[] = []
  endsWith = 0
  log = ''
  failStart = false
  readonly name: string
  #count = 0

  constructor(name: string) {
    this.name = name
  }

  get engine(): Engine {
    const { name, containers } = this
    const networks = {
      inspect: async (id: string) => this.networks.find(({ Name, Id }) => Name === id || Id === id),
      list: async () => this.networks,
      remove: async (id: string) => {
        this.networks.splice(this.networks.findIndex(({ Id }) => Id === id) >>> 0, 1)
      },
      disconnect: async (network: string, id: string) => {
        delete this.find(id)?.networks[network]
      },
    }
    // The same object each time: engines are compared.
    this.#engine ??= { name, info: { ID: `id-${name}` }, containers, networks } as unknown as Engine
    return this.#engine
  }
  #engine: Engine | undefined

  find(id: string): FakeContainer | undefined {
    return this.made.find(({ Id, Name }) => Id === id || Name === id)
  }

  /** Puts a container there as if it had been started. */
  add(name: string, Labels: Record<string, string> = {}, ...on: string[]): FakeContainer {
    const networks = Object.fromEntries(on.map((network) => [network, { EndpointID: 'e' }]))
    const Id = `${this.name}${++this.#count}`
    const one = { Id, Name: name, body: { Labels, Image: 'i' }, isRunning: true, exitCode: 0, networks }
    this.made.push(one)
    return one
  }

  addKeeper(record: StretchRecord, labels: Record<string, string> = {}): FakeContainer {
    const { network } = record.settings
    return this.add(`wherry-stretch-${network}`, { ...labels, ...keeperLabels(network, record) })
  }

  readonly containers = {
    list: async ({ labels = [] as readonly string[] } = {}) =>
      this.made
        .filter(({ body }) =>
          labels.every((label) => {
            const [key = '', ...value] = label.split('=')
            return body.Labels[key] === value.join('=')
          }),
        )
        .map(({ Id, Name, body, isRunning, networks }) => ({
          Id,
          Names: [`/${Name}`],
          Image: body.Image,
          State: isRunning ? 'running' : 'exited',
          Labels: body.Labels,
          NetworkSettings: { Networks: networks },
        })),
    inspect: async (id: string) => {
      const one = this.find(id)
      return (
        one && {
          Id: one.Id,
          Name: `/${one.Name}`,
          Config: one.body,
          State: { Running: one.isRunning, ExitCode: one.exitCode },
          NetworkSettings: { Networks: one.networks },
        }
      )
    },
    create: async (name: string, body: object) => {
      if (this.find(name)) throw new Error(`${name} is there already`)
      const one = this.add(name)
      Object.assign(one, { body, isRunning: false })
      return one.Id
    },
    start: async (id: string) => {
      const one = this.find(id)
      if (!one) throw new Error(`no ${id}`)
      const [service] = one.body.Cmd
      this.started.push(service)
      if (this.failStart) throw new Error('it does not start')
      if (service === 'unstretch') one.exitCode = this.endsWith
      else one.isRunning = true
    },
    remove: async (id: string) => {
      const index = this.made.findIndex((one) => one.Id === id || one.Name === id)
      if (index >= 0) this.made.splice(index, 1)
    },
    logs: async () => this.log,
  }
}

/** A record of `net` as the first of some engines has it: the second is at 10.0.0.2, and so on. */
export function recordOf(self: string, ...others: string[]): StretchRecord {
  return {
    settings: {
      network: 'net',
      bridge: 'br-1',
      vni: 9000000,
      port: 14789,
      peers: others.map((name, index) => {
        const address = `10.0.0.${index + 2}`
        return { address, from: address, id: `id-${name}` }
      }),
      mtuBytes: 1500,
    },
    members: [self, ...others].map((name) => ({ engine: name, id: `id-${name}` })),
    madeNetwork: true,
  }
}
