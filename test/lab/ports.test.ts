import t from 'tap'
import { waitFor } from '../../src/lab/wait.ts'
import { image } from './harness/configurations.ts'
import { failed, fromTo } from './harness/counter.ts'
import { askTcp, askUdp, runEcho } from './harness/echo.ts'
import { clear, docker, type EngineName, inEngine, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { ask, startPeer } from './harness/peers.ts'
import { dual } from './harness/stretched.ts'
import { migrate, succeed, wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

const { address: oldAddress } = lab.alphaFacts
const { address: newAddress } = lab.betaFacts
const sleeper = [image, 'sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done']

function start(engine: EngineName, name: string, ...args: string[]): Promise<string> {
  return docker(engine, 'run', '-d', '--name', name, ...args, ...sleeper)
}

async function bindingsOnBeta(name: string): Promise<unknown> {
  return (await lab.beta.containers.inspect(name))?.HostConfig.PortBindings
}

t.test('a port that is taken is mapped to another, and clients of the old one are passed on', async (t) => {
  t.teardown(() => clear(lab))
  const name = 't-echo'
  await runEcho(name, '-p', '18007:7/tcp', '-p', '18007:7/udp')
  await waitFor({ what: 'the server', timeoutMs: 20_000 }, () =>
    askTcp(oldAddress, 18007, '?', 1000).catch(() => undefined),
  )
  await start('beta', 't-other', '-p', '18007:80')
  const refused = await wherry(['migrate', name, ...fromTo, '--json'])
  t.strictSame(failed(refused), { exitCode: 3, code: 'port-taken' })
  t.match(refused.json.error.suggestions[0], /--map-port 7=HOST_PORT$/)

  const moved = await migrate([name], '--forward', '--map-port', '7=18107', '--map-port', '7/udp=18108')
  t.equal(await askTcp(newAddress, 18107, 'tcp'), 'beta tcp')
  t.equal(await askUdp(newAddress, 18108, 'udp'), 'beta udp')
  t.equal(await askTcp(oldAddress, 18007, 'old tcp'), 'beta old tcp')
  t.equal(await askUdp(oldAddress, 18007, 'old udp'), 'beta old udp')
  t.match(moved.containers[0].ports['7/tcp'], [{ HostPort: '18107' }])
  t.equal((await wherry(['migration', 'rollback', moved.id, '--yes', '--json'])).exitCode, 0)
  t.equal(await askTcp(oldAddress, 18007, 'back'), 'alpha back')
})

t.test('an address that only the source has, ranges, and what is mapped wrongly', async (t) => {
  const only = '192.0.2.7/32'
  t.teardown(async () => {
    await clear(lab)
    await inEngine(lab.alphaFacts, 'ip', 'address', 'delete', only, 'dev', 'lo')
  })
  await inEngine(lab.alphaFacts, 'ip', 'address', 'add', only, 'dev', 'lo')
  await start('alpha', 't-it', '-p', '192.0.2.7:18400:80', '-p', '127.0.0.1:18500-18502:90-92')
  await start('alpha', 't-too', '-p', '18510:90')
  const refused = async (...flags: string[]) => {
    const ended = await wherry(['migrate', 't-it', ...fromTo, '--json', ...flags])
    return [ended.exitCode, ended.json.error.code, ended.json.error.suggestions.join('\n')]
  }
  const hostAddress = await refused()
  t.match(hostAddress, [3, 'host-address', /--map-port 80=HOST_IP:18400\n.*--map-port 80=0\.0\.0\.0:18400/])
  t.match(await refused('--map-port', '81=82'), [3, 'no-such-port', /t-it publishes 80\/tcp, 90\/tcp/])
  t.match(await refused('--map-port', '80'), [2, 'usage', /--map-port 80=8081/])
  const several = await wherry(['migrate', 't-it', 't-too', ...fromTo, '--json', '--map-port', '90=18600'])
  t.match(several.json.error, { code: 'port-ambiguous', suggestions: [/t-it:90/, /t-too:90/] })

  const ipv6 = (await inEngine(lab.betaFacts, 'hostname', '-I')).split(' ').find((one) => one.includes(':'))
  const words = ['80=0.0.0.0:18400', `t-it:90-91=[${ipv6}]:18600-18601`, 't-too:90=18602']
  await migrate(['t-it', 't-too'], ...words.flatMap((word) => ['--map-port', word]))
  t.strictSame(await bindingsOnBeta('t-it'), {
    '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '18400' }],
    '90/tcp': [{ HostIp: ipv6, HostPort: '18600' }],
    '91/tcp': [{ HostIp: ipv6, HostPort: '18601' }],
    '92/tcp': [{ HostIp: '127.0.0.1', HostPort: '18502' }],
  })
  t.strictSame(await bindingsOnBeta('t-too'), { '90/tcp': [{ HostIp: '', HostPort: '18602' }] })
})

t.test('names that a container has and knows are the same on the target', async (t) => {
  t.teardown(() => clear(lab))
  for (const [name, subnet] of [
    ['t-net', '10.31.60.0/24'],
    ['t-back', '10.31.61.0/24'],
  ] as const)
    await docker('alpha', 'network', 'create', '--subnet', subnet, name)
  const id = await start('alpha', 't-db', '--network', 't-net', '--network-alias', 'store')
  await docker('alpha', 'network', 'connect', '--alias', 'vault', 't-back', 't-db')
  const names = ['--hostname', 'shop', '--domainname', 'example.test', '--dns-search', 'corp.test']
  const hosts = ['--add-host', 'ledger:10.9.8.7', '--add-host', 'gate:host-gateway']
  const links = ['--link', 't-db:base', '--link', `${id.slice(0, 12)}:byid`]
  await start('alpha', 't-web', '--network', 't-net', ...names, ...hosts, ...links)
  await start('alpha', 't-side', '--network', 'container:t-web')
  await start('alpha', 't-linked-to')
  await start('alpha', 't-links', '--link', 't-linked-to:old')
  await start('alpha', 't-host', '--network', 'host', '--hostname', 'own-name')
  const knows = async (engine: EngineName, container: string, name: string) =>
    (await docker(engine, 'exec', container, 'getent', 'hosts', name).catch(() => 'unknown')).split(/\s/)[0]
  const known = async (engine: EngineName) => ({
    store: await knows(engine, 't-web', 'store'),
    base: await knows(engine, 't-web', 'base'),
    byid: await knows(engine, 't-web', 'byid'),
    ledger: await knows(engine, 't-web', 'ledger'),
    vault: await knows(engine, 't-web', 'vault'),
    vaultInBack: await knows(engine, 't-db', 'vault'),
    names: await docker(engine, 'exec', 't-side', 'sh', '-c', 'hostname; hostname -f'),
    search: await docker(engine, 'exec', 't-side', 'grep', 'search', '/etc/resolv.conf'),
    hostName: await docker(engine, 'exec', 't-host', 'hostname'),
  })
  const before = await known('alpha')
  t.match(before, { base: '10.31.60.2', vault: 'unknown', vaultInBack: '10.31.61.2', hostName: 'own-name' })
  t.match(before, { names: 'shop\nshop.example.test', search: 'search corp.test' })

  const group = ['t-db', 't-web', 't-side', 't-linked-to', 't-links', 't-host']
  const { warnings } = await migrate(group)
  t.strictSame(await known('beta'), before)
  t.match(await knows('beta', 't-links', 'old'), /^172\./, 'the default bridge has other addresses')
  t.match(await knows('beta', 't-web', 'gate'), /^\d+\./, "the target's own gateway")
  t.ok(warnings.some(({ code }: { code: string }) => code === 'host-network'))
})

t.test('who would lose the other is named', async (t) => {
  t.teardown(() => clear(lab))
  await start('alpha', 't-it')
  await start('alpha', 't-side', '--network', 'container:t-it')
  await start('alpha', 't-client', '--link', 't-it:it')
  const refusals = async (name: string, ...flags: string[]) => {
    const { json } = await wherry(['migrate', name, ...fromTo, '--json', '--dry-run', ...flags])
    const found: { message: string }[] = json.error?.data.refusals ?? json.warnings
    return found.map(({ message }) => message).join('\n')
  }
  t.match(
    await refusals('t-side'),
    /^t-side needs t-it \(joins its network namespace\), which does not come along and is not on wherry-beta\.$/,
  )
  t.match(
    await refusals('t-client'),
    /^t-client needs t-it \(is linked to it\), which does not come along and is not on wherry-beta\.$/,
  )
  for (const said of [await refusals('t-it'), await refusals('t-it', '--leave-peers')]) {
    t.match(said, /^t-side on wherry-alpha shares the network of t-it, and would lose it\.$/m)
    t.match(said, /^t-client on wherry-alpha is linked to t-it, and would lose it\.$/m)
  }
})

t.test('links lead over a stretched network, to a peer that stays and from one', async (t) => {
  t.teardown(() => clear(lab))
  await docker('alpha', 'network', 'create', ...dual, 't-net')
  await startPeer('alpha', 't-stays', '--network', 't-net')
  const id = (await lab.alpha.containers.inspect('t-stays'))?.Id.slice(0, 12)
  await startPeer('alpha', 't-it', '--network', 't-net', '--link', 't-stays:base', '--link', `${id}:byid`)
  await startPeer('alpha', 't-client', '--network', 't-net', '--link', 't-it:service')
  await succeed('migrate', 't-it', ...fromTo, '--stretch')
  for (const name of ['base', 'byid'])
    t.equal((await ask('beta', 't-it', name)).failure, undefined, `the link ${name} leads to who stays`)
  t.equal((await ask('alpha', 't-client', 'service')).failure, undefined, 'and a link leads to who moved')
})
