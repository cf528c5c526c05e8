import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { dial, listen } from '../../../src/agent/direct.ts'
import { openLink } from '../../../src/agent/link.ts'
import { parsePorts, parseRoutes } from '../../../src/agent/probe-network.ts'
import { startAgent } from './agents.ts'

const directory = mkdtempSync(join(tmpdir(), 'wherry-link-test-'))
const source = startAgent('source', directory)
const target = startAgent('target', directory)
t.teardown(() => {
  source.client.close()
  target.client.close()
  rmSync(directory, { recursive: true, force: true })
})
const agents = { source: source.client, target: target.client, report: () => undefined, timeoutSeconds: 0.5 }

t.test('links are direct in either direction, else they are relayed and say why', async (t) => {
  // TEST-NET-1 (RFC 5737): nothing answers there.
  const nowhere = ['192.0.2.1']
  const forwards = { targetAddresses: ['192.0.2.1', '127.0.0.1'], sourceAddresses: [] }
  t.match(await openLink({ ...agents, path: 'auto', ...forwards }), {
    kind: 'direct',
    detail: /source to target at 127/,
  })
  const backwards = { targetAddresses: nowhere, sourceAddresses: ['::1'] }
  t.match(await openLink({ ...agents, path: 'auto', ...backwards }), {
    kind: 'direct',
    detail: /target to source/,
  })
  const neither = { targetAddresses: nowhere, sourceAddresses: nowhere }
  t.match(await openLink({ ...agents, path: 'auto', ...neither }), {
    kind: 'relay',
    detail: /192\.0\.2\.1 \(/,
  })
  await t.rejects(openLink({ ...agents, path: 'direct', ...neither }), { code: 'link-not-possible' })
  t.match(await openLink({ ...agents, path: 'relay', ...forwards }), { kind: 'relay' })
})

t.test('only who has the key gets a link', async (t) => {
  const secret = { session: 'a session', key: '11'.repeat(32) }
  const listener = await listen(secret)
  t.teardown(listener.close)
  const wrong = { ...secret, key: '22'.repeat(32) }
  await t.rejects(dial(wrong, ['127.0.0.1'], listener.port, 1000), { code: 'link-not-possible' })
  const other = { ...secret, session: 'another' }
  await t.rejects(dial(other, ['127.0.0.1'], listener.port, 1000), { code: 'link-not-possible' })
  const link = await dial(secret, ['127.0.0.1'], listener.port, 1000)
  const accepted = await listener.accepted
  link.close()
  accepted.close()
})

t.test('a listener that says nothing does not hold a dial up', async (t) => {
  const server = createServer(() => undefined).listen(0)
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const started = Date.now()
  await t.rejects(dial({ session: 's', key: '00'.repeat(32) }, ['127.0.0.1'], port, 300), {
    message: /no answer/,
  })
  t.ok(Date.now() - started < 5000)
})

t.test('probe and measureTree tell what is there', async (t) => {
  const probe = await source.client.request('probe', {
    statfs: [directory, '/nowhere'],
    exist: [directory, '/dev/null', '/nowhere'],
    networkNamespacePorts: true,
  })
  t.match(probe.paths, [{ kind: 'directory' }, { kind: 'device' }, { kind: 'missing' }])
  t.match(probe.fileSystems, [{ freeBytes: Number, freeInodes: Number }, { error: 'ENOENT' }])
  t.ok(probe.cpus > 0 && probe.memoryBytes > 0)
  const measure = await source.client.request('measureTree', { path: import.meta.dirname })
  t.match(measure, { complete: true })
  t.ok(measure.files >= 5 && measure.bytes > 10_000)
  const hello = await source.client.request('hello', {})
  t.strictSame(hello.missingCapabilities, [])
})

t.test('ports and routes are read as the kernel prints them', async (t) => {
  const tcp = `  sl  local_address rem_address   st
   0: 0100007F:1F90 00000000:0000 0A 0
   1: 0100007F:1F91 00000000:0000 01 0`
  const tcp6 = `  sl  local_address rem_address   st
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0`
  t.strictSame(
    parsePorts((name) => ({ tcp, tcp6 })[name] ?? ''),
    [
      { protocol: 'tcp', address: '127.0.0.1', port: 8080 },
      { protocol: 'tcp', address: '::', port: 80 },
    ],
  )
  const routes = `Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 0102A8C0 0003 0 0 0 00000000 0 0 0
eth0 0002A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0`
  t.strictSame(parseRoutes(routes), [
    { interface: 'eth0', destination: '0.0.0.0/0', gateway: '192.168.2.1' },
    { interface: 'eth0', destination: '192.168.2.0/24' },
  ])
})
