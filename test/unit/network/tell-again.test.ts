import t from 'tap'
import type { Engine } from '../../../src/engine/engine.ts'
import { announcesGhosts, tellAgain } from '../../../src/network/tell-again.ts'

/** An engine with containers by their names, on which no announcer can be started. */
function engine(running: Record<string, boolean>) {
  const asked: string[] = []
  const left = new Set<string>()
  const Networks = {
    one: { IPAddress: '10.9.0.2', GlobalIPv6Address: 'fd00::2' },
    two: { IPAddress: '', GlobalIPv6Address: 'fd01::2' },
  }
  const containers = {
    inspect: async (name: string) =>
      name in running
        ? { Id: name.repeat(20), State: { Running: running[name] }, NetworkSettings: { Networks } }
        : undefined,
    create: async (name: string, body: { Cmd: string[]; HostConfig: { NetworkMode: string } }) => {
      asked.push(`${body.HostConfig.NetworkMode} ${body.Cmd[1]}`)
      left.add(name)
      return name
    },
    attach: async () => {
      throw new Error('no')
    },
    remove: async (name: string) => left.delete(name),
  }
  return { it: { containers } as unknown as Engine, asked, left }
}

t.test('which engines mislead', async (t) => {
  const versions = ['20.10.24+dfsg1', '26.1.5+dfsg1', '28.5.2', '29.0.0']
  t.strictSame(
    versions.map((version) => announcesGhosts({ version } as Engine)),
    [false, false, true, true],
  )
})

t.test('who runs here tells all of its addresses; a failure is none, and leaves nothing', async (t) => {
  const { it, asked, left } = engine({ db: true, stopped: false })
  await tellAgain(it, ['db', 'stopped', 'elsewhere'], 'i', {})
  t.strictSame(asked, ['container:db {"addresses":["10.9.0.2","fd00::2","fd01::2"]}'])
  t.equal(left.size, 0)
})
