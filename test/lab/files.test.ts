import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Engine } from '../../src/engine/engine.ts'
import { image } from './harness/configurations.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { migrate } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage()

for (const flags of [
  ['--path', 'direct'],
  ['--path', 'relay'],
  ['--mode', 'cold'],
]) {
  t.test(`every kind of file arrives identical, ${flags.join(' ')}`, async (t) => {
    t.teardown(() => clear(lab))
    const prepare =
      'python3 /opt/matrix.py /v/matrix && python3 /opt/matrix.py /layer && rm -rf /usr/share/doc /etc/services && mkdir /usr/share/doc && echo "# changed" >> /usr/local/bin/run-postgres && touch /ready'
    const inside = [
      'sh',
      '-c',
      `if [ ! -e /ready ]; then ${prepare}; fi; exec python3 /opt/mutate.py /v/changing`,
    ]
    await docker('alpha', 'run', '-d', '--name', 't-files', '-v', 't-files:/v', image, ...inside)
    await waitFor('/ready')
    await sleep(1500)

    await migrate(['t-files'], ...flags)

    const [before, after] = [await describe(lab.alpha, 'alpha'), await describe(lab.beta, 'beta')]
    t.ok(before.length > 800, `${before.length} files were compared`)
    t.strictSame(
      after.filter((line, index) => line !== before[index]).slice(0, 10),
      [],
      'what arrived is what was left',
    )
    t.equal(after.length, before.length)
  })
}

/** Describes a container's volume and the raw directory of its writable layer, from outside the container. */
async function describe(engine: Engine, name: 'alpha' | 'beta'): Promise<string[]> {
  const upper = (await engine.containers.inspect('t-files'))?.GraphDriver?.Data?.UpperDir
  const mounts = ['-v', 't-files:/v:ro', '-v', `${upper}:/upper:ro`]
  // Attributes in the trusted namespace are shown to CAP_SYS_ADMIN only.
  const text = await docker(
    name,
    'run',
    '--rm',
    '--cap-add',
    'SYS_ADMIN',
    ...mounts,
    image,
    'python3',
    '/opt/describe.py',
    '/v',
    '/upper',
  )
  return text.split('\n')
}

async function waitFor(path: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const there = await docker('alpha', 'exec', 't-files', 'sh', '-c', `test -e ${path} && echo yes`).catch(
      () => '',
    )
    if (there === 'yes') return
    await sleep(100)
  }
  throw new Error(`${path} did not appear: ${await docker('alpha', 'logs', 't-files')}`)
}
