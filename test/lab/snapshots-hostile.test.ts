import { createHash } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { encodings } from '../../src/agent/snapshot/records.ts'
import type { SnapshotConfig } from '../../src/snapshot/config.ts'
import { image } from './harness/configurations.ts'
import { failed, runCounter } from './harness/counter.ts'
import { clear, docker, inEngine, objectsOn, openLab } from './harness/engines.ts'
import { chunkOf, type ForgedEntry, type Forgery, forge } from './harness/forged-snapshot.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { create, newRepository, restoreWords, times } from './harness/snapshots.ts'
import { wherry } from './harness/wherry.ts'

// Snapshots that no wherry has made, restored from a repository that is sound otherwise.
const lab = await openLab()
await ensureWorkloadImage(['alpha', 'beta'])
const repo = await newRepository(t)
t.teardown(async () => {
  await clear(lab)
  await lab.close()
})
await runCounter('t-hostile')
await create(repo, ['t-hostile'])
// What is there already, and is nobody's business.
await docker('beta', 'volume', 'create', 't-precious')
await docker(
  'beta',
  'run',
  '--name',
  't-owner',
  '-v',
  't-precious:/data',
  image,
  'sh',
  '-c',
  'echo precious > /data/kept',
)
const kept = () => docker('beta', 'run', '--rm', '-v', 't-precious:/data', image, 'cat', '/data/kept')

const words = Buffer.from('forged\n')
const file = (name: string, depth = 1): ForgedEntry => ({
  type: 'file',
  depth,
  name,
  chunks: [chunkOf(words)],
})
const after = (...entries: ForgedEntry[]): Forgery => ({ entries: [file('forged-first'), ...entries] })
const mebibyte = 1 << 20
const zeros = Buffer.alloc(1024 * mebibyte)
const bomb = {
  digest: createHash('sha256').update(zeros.subarray(0, mebibyte)).digest(),
  length: mebibyte,
  stored: zstdCompressSync(zeros),
  encoding: encodings.zstd,
}
const hole = { digest: Buffer.alloc(32), length: 7, stored: Buffer.alloc(0) }
const lying = { ...chunkOf(words), length: 70 }
const withVolume = (name: string) => (config: SnapshotConfig) => {
  const text = JSON.stringify(config).replaceAll('"t-hostile"', JSON.stringify(name))
  Object.assign(config, JSON.parse(text))
}

/** Changes what a container is made from, and says nothing of it among its mounts. */
const withHost = (hostConfig: object, mounts?: object[]): Forgery => ({
  ...after(),
  config: ({ containers: [container] }) => {
    Object.assign(container?.hostConfig ?? {}, hostConfig)
    if (container && mounts) container.mounts = mounts as typeof container.mounts
  },
})
const anonymous = [
  { kind: 'anonymous', type: 'volume', destination: '/data', source: 'a'.repeat(64), readOnly: false },
]
const treeless = { id: 'anonymous:t-hostile:/data', kind: 'anonymous', source: 'a'.repeat(64) } as const
const ofImage = (image: object): Forgery => ({
  ...after(),
  config: ({ containers: [container] }) => void Object.assign(container?.image ?? {}, image),
})

const hostile: Record<string, Forgery> = {
  'a volume of somebody else, behind an anonymous one': {
    ...withHost({ Binds: ['t-precious:/data'] }, anonymous),
    tree: treeless,
  },
  'the volumes of another container': {
    ...withHost({ Binds: [], VolumesFrom: ['t-owner'] }, anonymous),
    tree: treeless,
  },
  'a directory of the host, behind a volume': {
    ...withHost(
      {
        Binds: [],
        Mounts: [
          {
            Type: 'volume',
            Target: '/data',
            VolumeOptions: {
              DriverConfig: { Name: 'local', Options: { type: 'none', o: 'bind', device: '/etc' } },
            },
          },
        ],
      },
      anonymous,
    ),
    tree: treeless,
  },
  'a directory of the host that is not listed': withHost({ Binds: ['t-hostile:/data', '/etc:/host'] }),
  'an image whose id leads to a volume': ofImage({ id: '../volumes/t-precious?force=1', repoDigests: [] }),
  'an image whose id leads to a container': ofImage({
    id: '../containers/t-owner?force=1&v=1',
    repoDigests: [],
  }),
  'an image whose name leads elsewhere': ofImage({ reference: '../containers/t-owner?force=1&v=1' }),
  'a name that leads up': after(file('..')),
  'a name for the directory itself': after(file('.')),
  'an absolute name': after(file('/forged')),
  'a path for a name': after(file('../forged')),
  'a name with a NUL': after(file('forged\0x')),
  'an empty name': after(file('')),
  'a file below a symlink': after(
    { type: 'symlink', depth: 1, name: 'forged-out', target: '/' },
    file('forged', 2),
  ),
  'a file below a file': after(file('forged', 2)),
  'a file deeper than any directory': after(file('forged', 7)),
  'a link that leads up': after({
    type: 'link',
    depth: 1,
    name: 'forged-link',
    primary: '..\0..\0etc\0passwd',
  }),
  'a link through a symlink': after(
    { type: 'symlink', depth: 1, name: 'forged-out', target: '/etc' },
    { type: 'link', depth: 1, name: 'forged-passwd', primary: 'forged-out\0passwd' },
  ),
  'a link to nothing': after({ type: 'link', depth: 1, name: 'forged-link', primary: 'nothing' }),
  'a second root': after({ type: 'directory', depth: 0, name: '' }),
  'a chunk that becomes a gibibyte': after({ type: 'file', depth: 1, name: 'forged-bomb', chunks: [bomb] }),
  'a chunk that is shorter than its list says': after({ ...file('forged-short'), chunks: [lying] }),
  'a file that is longer than its chunks': after({ ...file('forged-long'), size: 2 ** 40 }),
  'a file that is shorter than its chunks': after({ ...file('forged-cut'), size: 3 }),
  'a chunk that is nowhere': after({
    ...file('forged-none'),
    chunks: [{ ...hole, digest: Buffer.alloc(32, 1) }],
  }),
  'many entries, and then a name that leads up': {
    entries: Array.from({ length: times('WHERRY_TEST_ENTRIES', 20_000) + 1 }, (_, index) =>
      index < times('WHERRY_TEST_ENTRIES', 20_000)
        ? { ...file(`forged-${String(index).padStart(8, '0')}`), chunks: [] }
        : file('z/../../forged'),
    ),
  },
  'another digest of the tree': { ...after(), tree: { digest: '0'.repeat(64) } },
  'another number of entries': { ...after(), tree: { entries: 7 } },
  'a volume whose name is a path': { ...after(), config: withVolume('../../../../etc') },
}

for (const [what, forgery] of Object.entries(hostile)) {
  t.test(what, async (t) => {
    const id = await forge(repo, forgery)
    const before = [await objectsOn(lab.alpha), await objectsOn(lab.beta)]
    const ended = await wherry([...restoreWords(repo, id), '--json'])
    t.comment(ended.json?.error?.message ?? ended.stdout)
    t.ok([3, 4, 8].includes(ended.exitCode ?? 1), JSON.stringify(failed(ended)))
    t.strictSame(
      [await objectsOn(lab.alpha), await objectsOn(lab.beta)],
      before,
      'both engines are as before',
    )
    const left = [
      'sh',
      '-c',
      'find / -name "*forged*" -not -path "/proc/*" 2>/dev/null; cat /etc/passwd | wc -l',
    ]
    t.match(await inEngine(lab.betaFacts, ...left), /^\d+$/, 'and nothing of it is anywhere')
    t.equal(await kept(), 'precious')
  })
}

t.test('a device stays in its volume, and its container cannot use it', async (t) => {
  const device = { type: 'block', depth: 1, name: 'forged-disk', device: { major: 254, minor: 0 } } as const
  const id = await forge(repo, { entries: [device, file('log')] })
  const ended = await wherry([...restoreWords(repo, id, '--name', 't-device', '--identity', 'new'), '--json'])
  t.equal(ended.exitCode, 0, ended.stdout)
  await t.rejects(
    docker('beta', 'exec', 't-device', 'head', '-c', '1', '/data/forged-disk'),
    /not permitted|No such device/,
  )
})
