import { type ChildProcess, spawn } from 'node:child_process'
import t from 'tap'
import { image } from './harness/configurations.ts'
import { clear, docker, inEngine, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { migrate, program, wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])
const fromTo = ['--from', 'wherry-alpha', '--to', 'wherry-beta', '--json', '--binds', 'copy']
const loop = 'while :; do sleep 0.1; done'

async function clearAll(): Promise<void> {
  await clear(lab)
  for (const engine of [lab.alphaFacts, lab.betaFacts]) await inEngine(engine, 'sh', '-c', 'rm -rf /srv/t-*')
}

async function start(name: string, mount: string, ...more: string[]): Promise<void> {
  // It takes its time to stop, so that something can happen meanwhile.
  const script = `trap "sleep 2; exit 0" TERM; ${loop}`
  await docker('alpha', 'run', '-d', '--name', name, ...more, '-v', mount, image, 'sh', '-c', script)
}

t.test('a host directory that another running container has mounted is refused', async (t) => {
  t.teardown(clearAll)
  await inEngine(lab.alphaFacts, 'sh', '-c', 'mkdir -p /srv/t-data/sub; ln -s /srv/t-data /srv/t-link')
  await start('t-it', '/srv/t-data/sub:/data')
  await start('t-friend', '/srv/t-link:/data')
  const before = [await objectsOn(lab.alpha), await objectsOn(lab.beta)]
  const ended = await wherry(['migrate', 't-it', ...fromTo])
  t.equal(ended.exitCode, 3, ended.stderr)
  t.equal(ended.json.error.code, 'bind-shared')
  t.match(ended.json.error.message, /\/srv\/t-data\/sub of t-it.* by the running container t-friend/)
  t.strictSame([await objectsOn(lab.alpha), await objectsOn(lab.beta)], before, 'nothing has changed')

  await docker('alpha', 'rm', '-f', 't-friend')
  await start('t-friend', '/srv/t-link:/data:ro')
  await start('t-tool', '/:/host')
  const result = await migrate(['t-it'], '--binds', 'copy')
  const told = result.warnings.filter(({ code }: { code: string }) => code === 'bind-shared')
  t.equal(told.length, 2, 'who only reads is told of, and a tool that has the whole host too')
})

for (const mount of ['t-shared:/data', '/srv/t-data:/data']) {
  t.test(`a container that begins to share ${mount} during the move ends it`, async (t) => {
    t.teardown(clearAll)
    await inEngine(lab.alphaFacts, 'mkdir', '-p', '/srv/t-data')
    await start('t-it', mount, '--restart', 'unless-stopped')
    const before = await objectsOn(lab.beta)
    const child = spawn(process.execPath, [program, 'migrate', 't-it', ...fromTo, '--progress', 'plain'])
    const ended = new Promise((resolve) => child.once('exit', resolve))
    let stdout = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    await heard(child, /stopping t-it/)
    await start('t-friend', mount)
    t.equal(await ended, 4, stdout)
    const { error } = JSON.parse(stdout)
    t.match(error.code, /^(volume|bind)-shared$/)
    t.match(error.message, /t-friend, which was started meanwhile/)
    t.equal((await lab.alpha.containers.inspect('t-it'))?.State.Running, true, 'it runs on the source again')
    t.strictSame(await objectsOn(lab.beta), before, 'nothing is left on the target')
  })
}

function heard(child: ChildProcess, pattern: RegExp): Promise<void> {
  let said = ''
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error(`it ended early: ${said}`)))
    child.stderr?.on('data', (chunk) => {
      said += chunk
      if (pattern.test(said)) resolve()
    })
  })
}
