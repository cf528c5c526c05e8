import t from 'tap'
import type { Engine } from '../../../src/engine/engine.ts'
import type { Manifest } from '../../../src/model/manifest.ts'
import { asTyped, betweenHooks, type HooksRequest, parseHooks } from '../../../src/snapshot/hooks.ts'

/** Containers whose commands end with the exit code that is their last word; `hangs` does not end. */
function fake(before: [string, string][], after: [string, string][]) {
  const ran: string[] = []
  const containers = {
    inspect: async (id: string) => ({ State: { Running: id !== 'stopped', Paused: false } }),
    exec: async (id: string, [, , command = '']: string[]) => {
      ran.push(`${id}: ${command}`)
      if (command === 'hangs') await new Promise(() => undefined)
      return { exitCode: Number(command.split(' ').at(-1)), output: `${command} was run\n` }
    },
  }
  const aborter = new AbortController()
  const request: HooksRequest = {
    engine: { name: 'alpha', containers } as unknown as Engine,
    manifests: ['db', 'web', 'stopped'].map((name) => ({ id: name, name })) as unknown as Manifest[],
    hooks: { before: new Map(before), after: new Map(after) },
    limitSeconds: 0.2,
    report: () => undefined,
    warnings: [],
    signal: aborter.signal,
  }
  const action = async () => {
    ran.push('action')
    return 7
  }
  return { request, ran, action, aborter }
}

t.test('commands are run before and after, in their order', async (t) => {
  const { request, ran, action } = fake(
    [
      ['db', 'lock 0'],
      ['stopped', 'x 0'],
      ['web', 'flush 0'],
    ],
    [['db', 'unlock 0']],
  )
  t.equal(await betweenHooks(request, action), 7)
  t.strictSame(ran, ['db: lock 0', 'web: flush 0', 'action', 'db: unlock 0'])
})

t.test('one that fails, hangs or is broken off ends it, and those for afterwards are run', async (t) => {
  const failing = fake([['db', 'lock 3']], [['db', 'unlock 0']])
  await t.rejects(betweenHooks(failing.request, failing.action), {
    code: 'hook-failed',
    exitCode: 4,
    message: '"lock 3" failed in db (exit code 3): lock 3 was run',
  })
  t.strictSame(failing.ran, ['db: lock 3', 'db: unlock 0'])
  const hanging = fake([['db', 'hangs']], [['db', 'unlock 0']])
  await t.rejects(betweenHooks(hanging.request, hanging.action), { message: /no end within 0.2 s/ })
  t.strictSame(hanging.ran, ['db: hangs', 'db: unlock 0'])
})

t.test('a signal waits for the end of one that has begun', async (t) => {
  const { request, ran, action, aborter } = fake(
    [
      ['db', 'lock 0'],
      ['web', 'flush 0'],
    ],
    [['db', 'unlock 0']],
  )
  const { exec } = request.engine.containers
  request.engine.containers.exec = async (...words) => {
    aborter.abort()
    await new Promise((resolve) => setTimeout(resolve, 20))
    return exec(...words)
  }
  await t.rejects(betweenHooks(request, action), { name: 'AbortError' })
  t.strictSame(ran, ['db: lock 0', 'db: unlock 0'])
})

t.test('what is done between may fail; one for afterwards that fails is a warning', async (t) => {
  const { request, ran } = fake(
    [],
    [
      ['db', 'unlock 1'],
      ['web', 'on 0'],
    ],
  )
  await t.rejects(
    betweenHooks(request, () => Promise.reject(new Error('disk full'))),
    /disk full/,
  )
  t.strictSame(ran, ['db: unlock 1', 'web: on 0'])
  t.match(request.warnings, [{ code: 'hook-failed', message: /unlock 1/ }])
})

t.test('what is to be typed can be', async (t) => {
  t.equal(asTyped('alpha', 'db', "echo 'on'"), "docker --context alpha exec db sh -c 'echo '\\''on'\\'''")
})

t.test('commands name their container, or there is only one', async (t) => {
  t.strictSame(
    [...parseHooks(['a=b', 'db=psql -c "SET x=1"'], ['db', 'a'])],
    [
      ['a', 'b'],
      ['db', 'psql -c "SET x=1"'],
    ],
  )
  t.strictSame([...parseHooks(['X=1 sync'], ['db'])], [['db', 'X=1 sync']])
  t.throws(() => parseHooks(['sync'], ['db', 'a']), { code: 'hook-not-clear', exitCode: 3 })
  t.throws(() => parseHooks(['bd=/usr/bin/quiesce'], ['db']), { code: 'hook-not-clear' })
  t.throws(() => parseHooks(['db=sync', 'db=sync'], ['db', 'a']), { code: 'hook-not-clear' })
})
