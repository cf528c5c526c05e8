import t, { type Test } from 'tap'
import { answers } from '../../src/lab/ping.ts'
import type { LabEngine } from '../../src/lab/record.ts'
import { waitFor } from '../../src/lab/wait.ts'
import { fromTo } from './harness/counter.ts'
import { clear, docker, type EngineName, inEngine, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { ask, startPeer } from './harness/peers.ts'
import { ghostsOf, stretchNew } from './harness/stretched.ts'
import { succeed } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

const { alphaFacts: alpha, betaFacts: beta } = lab
const onNetwork = ['--network', 't-net', '--restart', 'always']

t.test('after a daemon was killed, all is as before with nobody doing anything', async (t) => {
  t.teardown(() => clear(lab))
  await stretchNew('t-net', '--subnet', '10.77.9.0/24')
  // Asked for: an engine that starts again gives the others whatever is free at that moment.
  await startPeer('alpha', 't-near', ...onNetwork, '--ip', '10.77.9.71')
  await startPeer('beta', 't-far', ...onNetwork)
  await startPeer('alpha', 't-it', ...onNetwork, '--ip', '10.77.9.70')
  await succeed('migrate', 't-it', ...fromTo)
  await succeed('network', 'repair', 't-net', '--on', 'wherry-alpha')
  await comesBack(t, 'before')
  for (const [side, engines] of [
    ['the source', [alpha]],
    ['the target', [beta]],
    ['both', [alpha, beta]],
  ] as const) {
    await t.test(`the daemon of ${side}`, async (t) => {
      const device = await deviceOf(engines[0])
      // Not only the daemon is gone then: a host that starts has no device either.
      for (const engine of engines) await inEngine(engine, 'ip', 'link', 'delete', device)
      await Promise.all(engines.map(killDaemon))
      await comesBack(t, side)
    })
  }
})

/** The device of the only network that is stretched here, by the record of its keeper. */
async function deviceOf({ name }: LabEngine): Promise<string> {
  const format = '{{index .Config.Cmd 1}}'
  const settings = JSON.parse(await docker(name, 'inspect', 'wherry-stretch-t-net', '--format', format))
  return `wherry${settings.vni}`
}

async function killDaemon(engine: LabEngine): Promise<void> {
  const pid = await inEngine(engine, 'pgrep', '-x', 'dockerd')
  await inEngine(engine, 'pkill', '-KILL', '-x', 'dockerd')
  const socket = new URL(engine.unix).pathname
  await waitFor({ what: `${engine.name} to come back`, timeoutMs: 60_000 }, async () => {
    const isNew = (await inEngine(engine, 'pgrep', '-x', 'dockerd')) !== pid
    return isNew && (await answers(socket)) ? true : undefined
  })
}

/** Everybody reaches everybody by name, in some seconds; the ghosts are there, and have the addresses. */
async function comesBack(t: Test, when: string): Promise<void> {
  const questions: [EngineName, string, string][] = [
    ['alpha', 't-near', 't-it'],
    ['alpha', 't-near', 't-far'],
    ['beta', 't-far', 't-it'],
    ['beta', 't-far', 't-near'],
    ['beta', 't-it', 't-near'],
  ]
  const startedAt = performance.now()
  for (const [engine, from, to] of questions) {
    const what = `${from} to reach ${to} (${when})`
    const answer = await waitFor({ what, timeoutMs: 45_000 }, async () => {
      const { failure } = await ask(engine, from, to)
      if (failure) throw new Error(failure)
      return true
    }).catch((error) => String(error))
    t.equal(answer, true, what)
  }
  t.comment(`${when}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  t.strictSame(await ghostsOf(lab), { alpha: ['t-far', 't-it'], beta: ['t-near'] })
  t.equal(await addressOn('alpha', 'wherry-ghost-t-it'), '10.77.9.70')
  t.equal(await addressOn('beta', 't-it'), '10.77.9.70')
}

async function addressOn(engine: EngineName, name: string): Promise<string | undefined> {
  return (await lab[engine].containers.inspect(name))?.NetworkSettings.Networks['t-net']?.IPAddress
}
