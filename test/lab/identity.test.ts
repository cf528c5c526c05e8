import t from 'tap'
import type { ContainerDocument } from '../../src/model/documents.ts'
import { configurations, image } from './harness/configurations.ts'
import { differences, type Exception, exceptions } from './harness/documents.ts'
import { docker, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { migrate } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage()

t.test('what docker inspect shows of a moved container is what it showed before', async (t) => {
  for (const { name, args, command, before = [], after = [] } of configurations) {
    for (const words of before) await docker('alpha', ...words)
    const trap = command ?? ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done']
    await docker('alpha', 'run', '-d', '--name', `t-${name}`, ...args, image, ...trap)
    for (const words of after) await docker('alpha', ...words)
  }
  const names = configurations.map(({ name }) => `t-${name}`)
  const originals = new Map<string, ContainerDocument>()
  for (const name of names) originals.set(name, await inspected(lab.alpha, name))

  const result = await migrate(names)
  t.equal(result.containers.length, names.length)

  for (const name of names) {
    const original = comparable(originals.get(name) as ContainerDocument)
    const copy = comparable(await inspected(lab.beta, name))
    t.strictSame(differences(original, copy, [...exceptions, ...ownExceptions(original)]), [], name)
    t.equal(copy.Config.Labels?.['wherry.migration'], result.id, `${name} is labelled`)
    const source = await inspected(lab.alpha, name)
    t.ok(source.State.Paused || !source.State.Running, `${name} does not run on the source any more`)
    t.match(
      source.HostConfig.RestartPolicy?.Name,
      /^(no)?$/,
      `${name} does not come back on the source by itself`,
    )
  }
})

t.test('labels of volumes and networks are kept, so that Compose still owns them', async (t) => {
  const volume = await lab.beta.volumes.inspect('t-data')
  t.equal(volume?.Labels?.['com.docker.compose.volume'], 'data')
  const [front, back] = [
    await lab.beta.networks.inspect('t-front'),
    await lab.beta.networks.inspect('t-back'),
  ]
  t.equal(front?.Labels?.['com.docker.compose.network'], 'front')
  t.strictSame(
    front?.IPAM.Config?.map(({ Subnet, Gateway }) => [Subnet, Gateway]),
    [['10.31.1.0/24', '10.31.1.254']],
  )
  t.equal(back?.Internal, true)
  t.equal(back?.Options?.['com.docker.network.driver.mtu'], '1400')
  t.equal(back?.IPAM.Config?.[0]?.IPRange, '10.31.2.128/25')
})

async function inspected(engine: typeof lab.alpha, name: string): Promise<ContainerDocument> {
  const document = await engine.containers.inspect(name)
  if (!document) throw new Error(`${name} is not on ${engine.name}`)
  return document
}

/** What may differ in this container only, because the engine chose it and the user did not ask for it. */
function ownExceptions(original: ContainerDocument): Exception[] {
  const allowed: Exception[] = []
  for (const network of Object.keys(original.NetworkSettings.Networks)) {
    const path = `NetworkSettings\\.(Networks\\.${network}\\.)?`
    if (
      !original.Config.MacAddress &&
      !original.NetworkSettings.Networks[network]?.MacAddress?.includes('de:ad')
    ) {
      allowed.push({ path: new RegExp(`^${path}MacAddress$`), why: 'generated, not asked for' })
    }
    if (network === 'bridge') {
      allowed.push({
        path: new RegExp(`^${path}(IPAddress|Gateway|GlobalIPv6Address)$`),
        why: 'the default bridge has no fixed addresses',
      })
    }
  }
  for (const [index, mount] of original.Mounts.entries()) {
    if (mount.Type === 'volume' && /^[0-9a-f]{64}$/.test(mount.Name ?? '')) {
      allowed.push({
        path: new RegExp(`^Mounts\\.${index}\\.(Name|Source)$`),
        why: 'an anonymous volume has a generated name',
      })
    }
  }
  for (const [port, bindings] of Object.entries(original.HostConfig.PortBindings ?? {})) {
    if (bindings?.some(({ HostPort }) => !HostPort || HostPort === '0' || HostPort.includes('-'))) {
      allowed.push({
        path: new RegExp(`^NetworkSettings\\.Ports\\.${port}\\.`),
        why: 'the host port is chosen by the engine',
      })
    }
  }
  if (original.HostConfig.UTSMode === 'host') {
    allowed.push({ path: /^Config\.Hostname$/, why: 'the name of the host' })
  }
  for (const field of ['NetworkMode', 'PidMode', 'IpcMode'] as const) {
    if (original.HostConfig[field]?.startsWith('container:')) {
      allowed.push({ path: new RegExp(`^HostConfig\\.${field}$`), why: 'the id of the other container' })
    }
  }
  return allowed
}

/** Without its short id, which is one of its names on each network, and with its mounts, which come in any order, sorted. */
function comparable(document: ContainerDocument): ContainerDocument {
  const copy = structuredClone(document)
  const shortId = document.Id.slice(0, 12)
  copy.Mounts.sort((a, b) => a.Destination.localeCompare(b.Destination))
  for (const endpoint of Object.values(copy.NetworkSettings.Networks)) {
    for (const field of ['Aliases', 'DNSNames'] as const) {
      // The original's host name is its short id, which the copy keeps as its host name, and so as a name, beside its own.
      const names = (endpoint[field] ?? []).filter(
        (name) => name !== shortId && name !== document.Config.Hostname,
      )
      endpoint[field] = names.sort()
    }
  }
  return copy
}
