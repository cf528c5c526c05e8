import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { describeLab } from '../../../src/lab/describe.ts'
import { unprivilegedArguments } from '../../../src/lab/engine-container.ts'
import { lockLab } from '../../../src/lab/lock.ts'
import { removalsOf } from '../../../src/lab/machine-state.ts'
import { addressesIn } from '../../../src/lab/network.ts'
import { labPlaces } from '../../../src/lab/places.ts'
import { isDaemonOf } from '../../../src/lab/processes.ts'
import { mountsUnder } from '../../../src/lab/remains.ts'
import { waitFor } from '../../../src/lab/wait.ts'
import type { ProgressEvent } from '../../../src/model/progress.ts'

t.test('only daemons that work in the lab’s own directory are its to end', async (t) => {
  const exec = '/run/wherry-lab-1'
  t.ok(isDaemonOf(['containerd', '--config', `${exec}/containerd/containerd.toml`], exec))
  t.ok(isDaemonOf(['/usr/bin/containerd-shim-runc-v2', '-address', `${exec}/containerd/c.sock`], exec))
  t.ok(isDaemonOf(['dockerd', `--exec-root=${exec}`], exec))
  t.notOk(isDaemonOf(['dockerd', '--exec-root=/run/docker'], exec))
  t.notOk(isDaemonOf(['dockerd', `--exec-root=${exec}0`], exec))
  t.notOk(isDaemonOf(['vi', `${exec}/containerd/containerd.toml`], exec))
})

t.test('firewall rules of the engine go, all others stay', async (t) => {
  const rules = [
    '-P FORWARD DROP',
    '-N DOCKER',
    '-N MINE',
    '-A FORWARD -j MINE',
    '-A FORWARD -j DOCKER',
    '-A FORWARD -o wherry-lab3 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    '-A POSTROUTING -s 10.213.77.0/24 ! -o wherry-lab0 -j MASQUERADE',
    '-A POSTROUTING -s 10.0.0.0/24 -j MASQUERADE',
    '-A DOCKER -j RETURN',
  ].join('\n')
  t.same(
    removalsOf(rules).map((args) => args.join(' ')),
    [
      '-D FORWARD -j DOCKER',
      '-D FORWARD -o wherry-lab3 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-D POSTROUTING -s 10.213.77.0/24 ! -o wherry-lab0 -j MASQUERADE',
      '-F DOCKER',
      '-X DOCKER',
    ],
  )
})

t.test('mounts under a directory come innermost first, with their escapes undone', async (t) => {
  const line = (point: string) => `36 35 98:0 / ${point} rw,noatime shared:1 - ext4 /dev/root rw`
  const table = ['/', '/a', '/a/b', '/a/with\\040space', '/ab'].map(line).join('\n')
  t.same(mountsUnder(table, '/a'), ['/a/with space', '/a/b', '/a'])
})

t.test('engines have fixed addresses on the lab’s network', async (t) => {
  t.same(addressesIn('10.9.8.0/24'), { alpha: '10.9.8.11', beta: '10.9.8.12' })
})

t.test('the capability list leaves out the one that restricted machines lack', async (t) => {
  const args = unprivilegedArguments('/lab')
  t.ok(args.includes('SYS_ADMIN'))
  t.notOk(args.includes('SYS_RESOURCE'))
})

t.test('a state directory too deep for a socket is refused before anything is made', async (t) => {
  process.env.WHERRY_STATE_DIR = `/tmp/${'x'.repeat(90)}`
  t.teardown(() => {
    delete process.env.WHERRY_STATE_DIR
  })
  t.throws(() => labPlaces(), { code: 'lab-path-too-long', exitCode: 3 })
})

t.test('a wait that fails says what for, why, and shows the end of the log', async (t) => {
  const log = async () => 'first\nlast line'
  const waiting = waitFor({ what: 'the moon', timeoutMs: 20, everyMs: 5, log }, async () => {
    throw new Error('no rocket')
  })
  await t.rejects(waiting, {
    code: 'lab-timeout',
    message: /0\.02 s for the moon in vain \(no rocket\)\nfirst\nlast line/,
  })
})

t.test('the lock', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'wherry-lock-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const path = join(directory, 'lab.lock')
  const events: ProgressEvent[] = []
  const report = (event: ProgressEvent) => void events.push(event)

  await t.test('makes the second wait for the first', async (t) => {
    const order: string[] = []
    const first = await lockLab(path, report)
    const second = lockLab(path, report).then(async (lock) => {
      order.push('second')
      await lock[Symbol.asyncDispose]()
    })
    await new Promise((resolve) => setTimeout(resolve, 150))
    order.push('first')
    await first[Symbol.asyncDispose]()
    await second
    t.same(order, ['first', 'second'])
    t.match(events, [{ type: 'note', message: /another lab command is running/ }])
  })
  await t.test('of a process that died is taken over', async () => {
    const dead = spawnSync('true').pid
    await writeFile(path, `${dead} 1 boot\n`)
    const lock = await lockLab(path, report)
    await lock[Symbol.asyncDispose]()
  })
  await t.test('whose process id is now somebody else’s is taken over', async () => {
    await writeFile(path, `${process.pid} 1 another-boot\n`)
    const lock = await lockLab(path, report)
    await lock[Symbol.asyncDispose]()
  })
})

t.test('the status tells how to get there', async (t) => {
  t.match(describeLab({ state: 'down', engines: [] }), 'wherry lab up')
})
