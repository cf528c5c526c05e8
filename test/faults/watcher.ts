import { Agent, get } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ContainerDocument } from '../../src/model/documents.ts'
import { overlaps, RunTimes, type Sample } from './overlap.ts'

const everyMs = 20
/** The time that an engine gives a copy that was never started, or has not ended. */
const never = '0001-01-01T00:00:00Z'

/** An engine to be watched, by its socket. */
export interface Watched {
  name: string
  /** `unix://` URL. */
  unix: string
}

/** Asks both engines all the time whether their copy of a container runs. */
export class Watcher {
  readonly #times = new RunTimes()
  readonly #loops: Promise<void>[]
  #isOn = true
  #samples = 0

  constructor(container: string, engines: readonly Watched[]) {
    this.#loops = engines.map((engine) => this.#watch(container, engine))
  }

  /** Ends the watch, and gives every time at which two copies ran. Throws when it could not see anything. */
  async stop(): Promise<string[]> {
    this.#isOn = false
    await Promise.all(this.#loops)
    if (this.#samples === 0) throw new Error('the watcher saw no copy at all')
    return overlaps(this.#times.all)
  }

  async #watch(container: string, { name, unix }: Watched): Promise<void> {
    const connection = new Agent({ keepAlive: true, maxSockets: 1 })
    while (this.#isOn) {
      const askedAt = Date.now()
      // An engine that does not answer says nothing; what ran meanwhile is seen from its times afterwards.
      const copy = await inspected(new URL(unix).pathname, container, connection).catch(() => undefined)
      if (copy) {
        this.#samples += 1
        this.#times.add(sampleOf(name, copy, askedAt))
      }
      await sleep(everyMs)
    }
    connection.destroy()
  }
}

function inspected(
  socketPath: string,
  container: string,
  agent: Agent,
): Promise<ContainerDocument | undefined> {
  return new Promise((resolve, reject) => {
    const path = `/containers/${container}/json`
    const asking = get({ socketPath, path, agent, timeout: 5000 }, (response) => {
      text(response).then(
        (body) => resolve(response.statusCode === 200 ? JSON.parse(body) : undefined),
        reject,
      )
    })
    asking.on('timeout', () => asking.destroy(new Error('no answer')))
    asking.on('error', reject)
  })
}

function sampleOf(engine: string, { Id, State }: ContainerDocument, askedAt: number): Sample {
  return {
    engine,
    id: Id,
    askedAt,
    answeredAt: Date.now(),
    isRunning: State.Running,
    isPaused: State.Paused,
    ...(State.StartedAt === never ? {} : { startedAt: Date.parse(State.StartedAt) }),
    ...(State.FinishedAt === never ? {} : { finishedAt: Date.parse(State.FinishedAt) }),
  }
}
