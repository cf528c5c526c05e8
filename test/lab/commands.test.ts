import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { image } from './harness/configurations.ts'
import { clear, docker, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { program, wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])
const loop = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done']

t.test('migrate --dry-run shows the plan and changes nothing', async (t) => {
  t.teardown(() => clear(lab))
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    't-plan',
    '-v',
    't-plan:/data',
    '--tmpfs',
    '/run',
    image,
    ...loop,
  )
  const before = [await objectsOn(lab.alpha), await objectsOn(lab.beta)]
  const shown = await wherry([
    'migrate',
    't-plan',
    '--from',
    'wherry-alpha',
    '--to',
    'wherry-beta',
    '--dry-run',
  ])
  t.equal(shown.exitCode, 0, shown.stderr)
  t.match(shown.stdout, /Move t-plan from wherry-alpha to wherry-beta \(warm\)/)
  t.match(shown.stdout, /volume t-plan → \/data: copied/)
  t.match(shown.stdout, /in memory at \/run \(tmpfs\) is lost/)
  const { json } = await wherry([
    'migrate',
    't-plan',
    '--from',
    'wherry-alpha',
    '--to',
    'wherry-beta',
    '--dry-run',
    '--json',
  ])
  t.match(json, {
    containers: [{ name: 't-plan' }],
    volumes: [{ name: 't-plan' }],
    warnings: [{ code: 'default-bridge' }, { code: 'tmpfs' }],
  })
  t.strictSame([await objectsOn(lab.alpha), await objectsOn(lab.beta)], before, 'nothing has changed')
})

t.test('migrate --json says at least what it promises', async (t) => {
  t.teardown(() => clear(lab))
  await docker('alpha', 'network', 'create', '--subnet', '10.31.50.0/24', 't-net')
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    't-json',
    '--network',
    't-net',
    '--network-alias',
    'js',
    '-v',
    't-json:/data',
    '-p',
    '18400:80',
    image,
    'sh',
    '-c',
    `echo a > /data/a; ${loop[2]}`,
  )
  const { exitCode, stdout, json } = await wherry([
    'migrate',
    't-json',
    '--from',
    'wherry-alpha',
    '--to',
    'wherry-beta',
    '--json',
    '--progress',
    'none',
  ])
  t.equal(exitCode, 0, stdout)
  t.match(json, {
    id: /^\d{8}-\d{6}-[0-9a-f]{4}$/,
    status: 'completed',
    mode: 'warm',
    downtimeSeconds: Number,
    totalSeconds: Number,
    bytesTransferred: Number,
    rounds: [{ files: Number, bytes: Number, seconds: Number }],
    containers: [
      {
        name: 't-json',
        source: { engine: 'wherry-alpha', id: /^[0-9a-f]{64}$/ },
        target: { engine: 'wherry-beta', id: /^[0-9a-f]{64}$/ },
        image,
        volumes: [{ name: 't-json', bytes: 2, files: 1, digest: /^[0-9a-f]{64}$/ }],
        networks: [{ name: 't-net', ipv4: '10.31.50.2', mac: String, aliases: Array }],
        ports: { '80/tcp': [{ HostPort: '18400' }, { HostPort: '18400' }] },
      },
    ],
    warnings: [],
  })
})

t.test('progress goes to stderr as asked, and the result to stdout', async (t) => {
  t.teardown(() => clear(lab))
  await docker('alpha', 'run', '-d', '--name', 't-progress', '-v', 't-progress:/data', image, ...loop)
  const events = await wherry([
    'migrate',
    't-progress',
    '--from',
    'wherry-alpha',
    '--to',
    'wherry-beta',
    '--progress',
    'json',
    '--mode',
    'cold',
  ])
  t.equal(events.exitCode, 0, events.stderr)
  const lines = events.stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.ok(lines.some(({ type, phase }) => type === 'phase' && phase === 'final-round'))
  t.notOk(
    lines.some(({ phase }) => phase === 'round-1'),
    'a cold move has one round',
  )
  t.match(events.stdout, /t-progress moved from wherry-alpha to wherry-beta/)
  t.notOk(events.stdout.includes('\u001b['), 'no colours in a pipe')
})

t.test('inspect tells what was asked for from what was generated', async (t) => {
  t.teardown(() => clear(lab))
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    't-see',
    '-e',
    'MINE=1',
    '--memory',
    '64m',
    '-v',
    '/anonymous',
    image,
    ...loop,
  )
  const { json, exitCode } = await wherry(['inspect', 't-see', '--from', 'wherry-alpha', '--json'])
  t.equal(exitCode, 0)
  const origins = new Map(
    json.origins.map(({ field, origin }: { field: string; origin: string }) => [field, origin]),
  )
  t.equal(origins.get('Id'), 'engine')
  t.equal(origins.get('Config.Hostname'), 'engine')
  t.equal(origins.get('Networks.bridge.MacAddress'), 'engine')
  t.equal(origins.get('HostConfig.ShmSize'), 'engine')
  t.equal(origins.get('HostConfig.MemorySwap'), 'engine')
  t.equal(origins.get('Mounts./anonymous'), 'engine')
  t.equal(origins.get('Config.Env: PATH'), 'image')
  t.equal(origins.get('HostConfig.Memory'), undefined)
  t.equal(origins.get('Config.Env: MINE'), undefined)
  const text = await wherry(['inspect', 't-see', '--from', 'wherry-alpha'])
  const [asked = '', given = ''] = text.stdout.split('Given by the engine')
  t.match(asked, /HostConfig\.Memory: 67108864/)
  t.match(given, /HostConfig\.ShmSize/)
})

t.test('doctor says what is there and what is missing, with the fix', async (t) => {
  const { json, exitCode, stderr } = await wherry(['doctor', 'wherry-alpha', 'wherry-beta', '--json'])
  t.equal(exitCode, 0, stderr)
  for (const { findings } of json.engines) {
    t.strictSame(findings.map(({ check }: { check: string }) => check).sort(), [
      'agent-image',
      'checkpoint',
      'free-space',
      'storage-driver',
      'stretch',
      'version',
    ])
    for (const { status, fix } of findings) t.ok(status === 'ok' || fix, 'what is missing comes with a fix')
  }
  t.strictSame((await lab.alpha.containers.list()).length, 0, 'nothing is left')
})

t.test('wrong usage ends with 2, and says how to find help', async (t) => {
  for (const words of [
    ['migrate'],
    ['migrate', 'x'],
    ['migrate', 'x', '--to', 'y', '--mode', 'lukewarm'],
    ['inspect'],
    ['inspect', 'x', '--nonsense'],
    ['no-such-command'],
  ]) {
    const plain = await wherry(words)
    t.equal(plain.exitCode, 2, `wherry ${words.join(' ')}: ${plain.stderr}`)
    t.equal(plain.stdout, '')
  }
  const { json, exitCode } = await wherry(['migrate', '--json'])
  t.equal(exitCode, 2)
  t.match(json, { error: { code: 'usage', exitCode: 2, suggestions: Array } })
  t.notMatch(JSON.stringify(json), /pjson/)
})

t.test('wrong usage with --json gives one JSON document, also where there is no such command', async (t) => {
  for (const [words, code, message] of [
    [['bogus', '--json'], 'unknown-command', /no command "bogus"/],
    [['lab', 'bogus', '--json'], 'unknown-command', /no command "lab bogus"/],
    [['--json'], 'unknown-command', /no command/],
    [['inspect', 'x', '--bogus', '--json'], 'usage', /--bogus/],
    [['migrate', '--json'], 'usage', /container/],
  ] as const) {
    const { exitCode, json, stderr } = await wherry(words)
    t.equal(exitCode, 2, words.join(' '))
    t.match(json?.error, { code, message, exitCode: 2, suggestions: [String], data: {} })
    t.equal(stderr, '')
  }
  const { exitCode, stdout, stderr } = await wherry(['bogus', '--', '--json'])
  t.equal(exitCode, 2)
  t.equal(stdout, '', 'what follows -- is no flag')
  t.match(stderr, /bogus not found/)
})

t.test('a reader who goes away in the middle changes nothing about the end', async (t) => {
  for (const words of [['--help'], ['snapshot', 'create', '--help'], ['lab', 'status', '--json']]) {
    const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    const [said, [exitCode]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    t.equal(exitCode, 0, words.join(' '))
    t.equal(said, '')
  }
})

t.test('a result that cannot be written is an error', async (t) => {
  const full = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(full))
  const child = spawn(process.execPath, [program, 'lab', 'status', '--json'], {
    stdio: ['ignore', full, 'pipe'],
  })
  const [said, [exitCode]] = await Promise.all([text(child.stderr ?? Readable.from([])), once(child, 'exit')])
  t.equal(exitCode, 1)
  t.match(said, /could not be written: ENOSPC/)
})

t.test('help and version', async (t) => {
  for (const words of [
    ['--help'],
    ['migrate', '--help'],
    ['migrate', '-h'],
    ['lab', '--help'],
    ['--version'],
  ]) {
    const { exitCode, stdout } = await wherry(words)
    t.equal(exitCode, 0, words.join(' '))
    t.match(stdout, /wherry/)
  }
})
