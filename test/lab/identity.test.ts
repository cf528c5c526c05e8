import t from 'tap'
import type { ContainerDocument } from '../../src/model/documents.ts'
import { differences, exceptions } from './harness/documents.ts'
import { openLab } from './harness/engines.ts'
import { comparable, configured, inspected, ownExceptions, runConfigured } from './harness/identity.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { migrate } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage()

t.test('what docker inspect shows of a moved container is what it showed before', async (t) => {
  const originals = await runConfigured(lab.alpha)

  const result = await migrate(configured)
  t.equal(result.containers.length, configured.length)

  for (const name of configured) {
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
