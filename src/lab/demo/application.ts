import { fileURLToPath } from 'node:url'
import type { Engine } from '../../engine/engine.ts'
import { exitCodes, WherryError } from '../../model/errors.ts'
import type { Report } from '../../model/progress.ts'
import { removeForwarders } from '../../network/forwarders.ts'
import { ghostLabel, removeGhosts } from '../../network/ghosts.ts'
import { membershipsOn } from '../../network/membership.ts'
import { part } from '../../network/unstretch.ts'
import { ensureLabImage } from '../images.ts'
import { until } from './until.ts'
import type { VisitorsReport } from './visitors.ts'

export const webName = 'demo-web'
export const databaseName = 'demo-db'
export const clientName = 'demo-client'
export const webPort = 8080
const network = 'demo'
const label = 'wherry.demo'

/** Builds the two images and starts the application on an engine; what an earlier demo left is taken away first. */
export async function startApplication(
  engine: Engine,
  others: readonly Engine[],
  report: Report,
): Promise<void> {
  for (const name of ['demo-web', 'demo-db']) {
    const directory = fileURLToPath(new URL(`../../../images/${name}`, import.meta.url))
    await ensureLabImage({ tag: `wherry-${name}:latest`, directory, engines: ['alpha'] }, report)
  }
  for (const each of [engine, ...others]) await removeApplication(each)
  report({ type: 'phase', phase: 'application', message: `starting the application on ${engine.name}` })
  await engine.networks.create({
    Name: network,
    Driver: 'bridge',
    IPAM: { Driver: 'default', Config: [{ Subnet: '10.99.0.0/24', Gateway: '10.99.0.1' }] },
    Labels: { [label]: 'true' },
  })
  await startContainer(engine, databaseName, {
    Image: 'wherry-demo-db:latest',
    HostConfig: {
      NetworkMode: network,
      Binds: ['demo-counter:/data'],
      RestartPolicy: { Name: 'unless-stopped' },
    },
    NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: ['db'] } } },
  })
  await startContainer(engine, webName, {
    Image: 'wherry-demo-web:latest',
    HostConfig: {
      NetworkMode: network,
      Binds: ['demo-sessions:/sessions'],
      PortBindings: { '8080/tcp': [{ HostPort: String(webPort) }] },
      RestartPolicy: { Name: 'unless-stopped' },
    },
    NetworkingConfig: {
      EndpointsConfig: { [network]: { IPAMConfig: { IPv4Address: '10.99.0.80' }, Aliases: ['web'] } },
    },
  })
}

/** Starts a client on the application's network, which calls it by its name until it is told to end. */
export async function startClient(engine: Engine): Promise<void> {
  await startContainer(engine, clientName, {
    Image: 'wherry-demo-web:latest',
    Cmd: ['node', 'client.js', `http://web:${webPort}`, 'eve'],
    Healthcheck: { Test: ['NONE'] },
    HostConfig: { NetworkMode: network, Init: true },
  })
}

/** Tells the client to end. @returns what it saw. */
export async function endClient(engine: Engine): Promise<VisitorsReport> {
  await engine.containers.stop(clientName, { timeoutSeconds: 10 })
  const last = (await engine.containers.logs(clientName, 1)).trim()
  try {
    return JSON.parse(last) as VisitorsReport
  } catch {
    throw new WherryError(
      'demo-failed',
      exitCodes.unexpected,
      `The client on the network ended with: ${last}`,
    )
  }
}

async function startContainer(engine: Engine, name: string, body: Record<string, unknown>): Promise<void> {
  const id = await engine.containers.create(name, { ...body, Labels: { [label]: 'true' } })
  await engine.containers.start(id)
}

/** Waits until the application answers at this address. */
export async function waitForApplication(address: string): Promise<void> {
  const answered = await until(30_000, async () => {
    const response = await fetch(`http://${address}:${webPort}/health`, { signal: AbortSignal.timeout(1000) })
    return response.ok
  })
  if (answered) return
  throw new WherryError(
    'demo-not-up',
    exitCodes.unexpected,
    `The demo application does not answer at ${address}:${webPort}.`,
    {
      suggestions: [
        'docker --context wherry-alpha logs demo-web',
        'Start over: wherry lab down, then wherry demo',
      ],
    },
  )
}

/** Takes the application and its data off an engine. */
export async function removeApplication(engine: Engine): Promise<void> {
  for (const name of [clientName, webName, databaseName])
    await engine.containers.remove(name, { volumes: true })
  for (const name of ['demo-sessions', 'demo-counter']) await engine.volumes.remove(name)
  await removeForwarders(engine, { container: webName })
  for (const name of [webName, databaseName, clientName])
    await removeGhosts(engine, [`${ghostLabel}=${name}`])
  await part(await membershipsOn(engine, network), () => {})
  await engine.networks.remove(network)
}
