import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { image } from './harness/configurations.ts'
import { clear, docker, inEngine, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

interface Case {
  name: string
  code: string
  /** Docker command lines for each engine; the container to move is t-it unless said otherwise. */
  alpha?: string[][]
  beta?: string[][]
  prepare?: () => Promise<void>
  container?: string
  to?: string
  flags?: string[]
  says: RegExp
}

const sleeper = [image, 'sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done']
const plain = ['run', '-d', '--name', 't-it', ...sleeper]
const onNetwork = (...args: string[]) => [
  'run',
  '-d',
  '--name',
  't-it',
  '--network',
  't-net',
  ...args,
  ...sleeper,
]
const onBeta = (...args: string[]) => ['run', '-d', '--name', 't-other', ...args, image, 'sleep', 'infinity']

const cases: Case[] = [
  {
    name: 'unknown container',
    code: 'unknown-container',
    container: 't-nobody',
    says: /no container "t-nobody" on wherry-alpha/,
  },
  {
    name: 'name taken',
    code: 'name-taken',
    alpha: [plain],
    beta: [['create', '--name', 't-it', image]],
    says: /already has a container named t-it/,
  },
  {
    name: 'port taken by a container',
    code: 'port-taken',
    alpha: [['run', '-d', '--name', 't-it', '-p', '18300:80', ...sleeper]],
    beta: [onBeta('-p', '18300:80')],
    says: /Port 18300\/tcp of t-it is taken .* by container t-other/,
  },
  {
    name: 'port taken by the host',
    code: 'port-taken',
    alpha: [['run', '-d', '--name', 't-it', '-p', '18301:80', ...sleeper]],
    beta: [
      ['run', '-d', '--name', 't-other', '--network', 'host', image, 'python3', '-m', 'http.server', '18301'],
    ],
    says: /Port 18301\/tcp of t-it is taken .* by a process of the host/,
  },
  {
    name: 'device missing',
    code: 'no-device',
    prepare: async () => {
      await inEngine(lab.alphaFacts, 'mknod', '-m', '666', '/dev/t-only-here', 'c', '1', '3')
      await docker('alpha', 'run', '-d', '--name', 't-it', '--device', '/dev/t-only-here', ...sleeper)
      await inEngine(lab.alphaFacts, 'rm', '/dev/t-only-here')
    },
    says: /uses the device \/dev\/t-only-here, which wherry-beta does not have/,
  },
  {
    name: 'address taken',
    code: 'address-taken',
    alpha: [['network', 'create', '--subnet', '10.31.40.0/24', 't-net'], onNetwork('--ip', '10.31.40.9')],
    beta: [
      ['network', 'create', '--subnet', '10.31.40.0/24', 't-net'],
      onBeta('--network', 't-net', '--ip', '10.31.40.9'),
    ],
    flags: ['--map-network', 't-net=t-net'],
    says: /address 10\.31\.40\.9 of t-it is taken on wherry-beta by t-other/,
  },
  {
    name: 'network there already',
    code: 'network-exists',
    alpha: [['network', 'create', '--subnet', '10.31.41.0/24', 't-net'], onNetwork()],
    beta: [['network', 'create', '--subnet', '10.31.42.0/24', 't-net']],
    says: /already has a network named t-net, with other subnets/,
  },
  {
    name: 'subnet overlapping',
    code: 'subnet-overlap',
    alpha: [['network', 'create', '--subnet', '10.31.43.0/24', 't-net'], onNetwork()],
    beta: [['network', 'create', '--subnet', '10.31.0.0/18', 't-wide']],
    says: /subnet 10\.31\.43\.0\/24 of network t-net overlaps with 10\.31\.0\.0\/18 of network t-wide/,
  },
  {
    name: 'volume there already',
    code: 'volume-exists',
    alpha: [['run', '-d', '--name', 't-it', '-v', 't-vol:/v', ...sleeper]],
    beta: [['volume', 'create', 't-vol']],
    says: /already has a volume named t-vol/,
  },
  {
    name: 'bind mount without instructions',
    code: 'bind-mount',
    alpha: [['run', '-d', '--name', 't-it', '-v', '/srv:/srv', ...sleeper]],
    says: /host directory \/srv mounted at \/srv/,
  },
  {
    name: 'bind mount of a file to be copied',
    code: 'bind-not-directory',
    alpha: [['run', '-d', '--name', 't-it', '-v', '/etc/hostname:/etc/app.conf', ...sleeper]],
    flags: ['--binds', 'copy'],
    says: /\/etc\/hostname of t-it is not a directory/,
  },
  {
    name: 'source equal to target',
    code: 'same-engine',
    alpha: [plain],
    to: 'wherry-alpha',
    says: /are the same engine/,
  },
  {
    name: 'another architecture',
    code: 'other-architecture',
    prepare: makeForeignContainer,
    says: /is for linux\/arm64; wherry-beta runs linux\/amd64/,
  },
  {
    name: 'too little space',
    code: 'no-space',
    alpha: [['run', '-d', '--name', 't-it', '-v', 't-big:/v', ...sleeper]],
    // Both engines of the lab are on one disk: what the source holds, the target no longer has free.
    prepare: async () =>
      void (await docker(
        'alpha',
        'exec',
        't-it',
        'sh',
        '-c',
        'fallocate -l $(($(df --output=avail -k /v | tail -1) * 6 / 10))K /v/huge',
      )),
    says: /has .* free in \/var\/lib\/docker; .* are needed/,
  },
  {
    name: 'shared volume',
    code: 'volume-shared',
    alpha: [
      ['run', '-d', '--name', 't-it', '-v', 't-vol:/v', ...sleeper],
      ['run', '-d', '--name', 't-friend', '-v', 't-vol:/v', ...sleeper],
    ],
    says: /also written by the running container t-friend/,
  },
  {
    name: 'paused container',
    code: 'container-state',
    alpha: [plain, ['pause', 't-it']],
    says: /t-it is paused/,
  },
  {
    name: 'link to a container that stays',
    code: 'depends-on-other',
    alpha: [
      ['run', '-d', '--name', 't-friend', ...sleeper],
      ['run', '-d', '--name', 't-it', '--link', 't-friend:friend', ...sleeper],
    ],
    says: /needs t-friend \(is linked to it\)/,
  },
]

for (const {
  name,
  code,
  alpha = [],
  beta = [],
  prepare,
  container = 't-it',
  to = 'wherry-beta',
  flags = [],
  says,
} of cases) {
  t.test(`refused, with both engines left as they were: ${name}`, async (t) => {
    t.teardown(() => clear(lab))
    for (const words of alpha) await docker('alpha', ...words)
    for (const words of beta) await docker('beta', ...words)
    await prepare?.()
    const before = [await objectsOn(lab.alpha), await objectsOn(lab.beta)]
    const ended = await wherry([
      'migrate',
      container,
      '--from',
      'wherry-alpha',
      '--to',
      to,
      '--json',
      ...flags,
    ])
    t.strictSame([await objectsOn(lab.alpha), await objectsOn(lab.beta)], before, 'nothing has changed')
    t.equal(ended.exitCode, 3, ended.stderr)
    t.equal(ended.json?.error.code, code)
    t.match(ended.json?.error.message, says)
    t.ok(ended.json?.error.suggestions.length > 0, 'it says what to do')
  })
}

t.test('all reasons are told at once', async (t) => {
  t.teardown(() => clear(lab))
  await docker('alpha', 'run', '-d', '--name', 't-it', '-v', 't-vol:/v', '-p', '18300:80', ...sleeper)
  await docker('beta', 'volume', 'create', 't-vol')
  await docker('beta', ...onBeta('-p', '18300:80'))
  const ended = await wherry(['migrate', 't-it', '--from', 'wherry-alpha', '--to', 'wherry-beta'])
  t.equal(ended.exitCode, 3)
  t.equal(ended.stdout, '')
  t.match(ended.stderr, /2 reasons not to begin/)
  t.match(ended.stderr, /Port 18300/)
  t.match(ended.stderr, /volume named t-vol/)
})

/** A container whose image says that it is for another architecture. It need not run to be refused. */
async function makeForeignContainer(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'wherry-test-'))
  const archive = join(directory, 'empty.tar')
  // Two empty blocks are a whole tar archive (POSIX.1-1988, ustar).
  await writeFile(archive, Buffer.alloc(1024))
  await docker(
    'alpha',
    'import',
    '--platform',
    'linux/arm64',
    '-c',
    'CMD ["sleep"]',
    archive,
    't-foreign:latest',
  )
  await docker('alpha', 'create', '--platform', 'linux/arm64', '--name', 't-it', 't-foreign:latest')
  await rm(directory, { recursive: true })
}
