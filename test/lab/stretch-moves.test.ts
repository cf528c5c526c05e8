import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { fromTo } from './harness/counter.ts'
import { clear, docker, type EngineName, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { ask, Caller, startPeer } from './harness/peers.ts'
import { dual, ghostsOf, stretchNew } from './harness/stretched.ts'
import { type Ended, succeed, wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

const onNetwork = ['--network', 't-net', '--uts', 'host']
const backHome = ['--from', 'wherry-beta', '--to', 'wherry-alpha']
/** Serves as soon as it listens; wherry reports the downtime until then. */
const health = ['--health-cmd', "bash -c 'exec 3<>/dev/tcp/127.0.0.1/7000'", '--health-start-period', '30s']
const addresses = ['--ip', '10.77.9.70', '--ip6', 'fd77:9::70']
/** What a client may lose beyond the downtime that is reported, seconds. */
const slack = 0.5

t.test('away and back again over a stretched network', async (t) => {
  t.teardown(() => clear(lab))
  await stretchNew('t-net', ...dual)
  await startPeer('alpha', 't-near', ...onNetwork)
  await startPeer('beta', 't-far', ...onNetwork)
  await startPeer('alpha', 't-it', ...onNetwork, ...addresses, ...health, '--network-alias', 't-alias')
  await succeed('network', 'repair', 't-net', '--on', 'wherry-alpha')
  t.strictSame(await ghostsOf(lab), { alpha: ['t-far'], beta: ['t-it', 't-near'] })

  await t.test('away: clients miss it no longer than wherry says', async (t) => {
    const { id } = await observed(t, () => succeed('migrate', 't-it', ...fromTo))
    t.strictSame(await ghostsOf(lab), { alpha: ['t-far', 't-it'], beta: ['t-near'] })
    await succeed('migration', 'finish', id, '--yes')
  })

  await t.test('a copy that does not start on the way back: the ghost is there again', async (t) => {
    await docker('beta', 'exec', 't-it', 'touch', '/refuses-alpha')
    const ended = await wherry(['migrate', 't-it', ...backHome, '--json'])
    t.equal(ended.exitCode, 4, ended.stdout)
    t.strictSame(await ghostsOf(lab), { alpha: ['t-far', 't-it'], beta: ['t-near'] })
    await assertReached(t)
    await docker('beta', 'exec', 't-it', 'rm', '/refuses-alpha')
  })

  await t.test('back: the ghost gives way', async (t) => {
    const { id } = await observed(t, () => succeed('migrate', 't-it', ...backHome))
    t.strictSame(await ghostsOf(lab), { alpha: ['t-far'], beta: ['t-it', 't-near'] })
    await succeed('migration', 'finish', id, '--yes')
    await assertReached(t)
  })
})

/** A move as the clients on both engines see it: nobody misses the container longer than the downtime and a little. */
async function observed(t: Test, move: () => Promise<Ended['json']>): Promise<{ id: string }> {
  const callers = {
    't-near': new Caller('alpha', 't-near', 't-it'),
    't-far': new Caller('beta', 't-far', 't-it'),
  }
  await sleep(500)
  const { id, downtimeSeconds } = await move()
  await sleep(500)
  for (const [name, caller] of Object.entries(callers)) {
    for (const [way, gap] of Object.entries(await caller.stop())) {
      t.ok(
        gap <= downtimeSeconds + slack,
        `${name} by ${way}: ${gap.toFixed(3)} s, downtime ${downtimeSeconds} s`,
      )
      t.ok(gap > 0.02, 'and it has noticed something')
    }
  }
  await assertReached(t)
  return { id }
}

async function assertReached(t: Test): Promise<void> {
  const peers: [EngineName, string][] = [
    ['alpha', 't-near'],
    ['beta', 't-far'],
  ]
  for (const [engine, peer] of peers)
    for (const host of ['t-it', 't-alias', '10.77.9.70', 'fd77:9::70'])
      t.strictSame((await ask(engine, peer, host)).failure, undefined, `${peer} reaches ${host}`)
}
