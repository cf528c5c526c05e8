import t, { type Test } from 'tap'
import { image } from './harness/configurations.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { runFiles } from './harness/files.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { create, newRepository, restoreWords } from './harness/snapshots.ts'
import { wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

/** Describes every file of a volume of beta, or of alpha. */
async function described(volume: string, engine: 'alpha' | 'beta' = 'beta'): Promise<string[]> {
  const words = [
    '--cap-add',
    'SYS_ADMIN',
    '-v',
    `${volume}:/v:ro`,
    image,
    'python3',
    '/opt/describe.py',
    '/v',
  ]
  return (await docker(engine, 'run', '--rm', ...words)).split('\n')
}

/** Names may hold anything, also what a shell would take for several. */
const removeSome = `
import os
files = sorted(os.path.join(top, name) for top, _, names in os.walk(b"/v/matrix") for name in names)
for path in files[::10]: os.unlink(path)
`

/** Does something in a volume of beta. */
const inVolume = (volume: string, script: string) =>
  docker('beta', 'run', '--rm', '-v', `${volume}:/v`, image, 'sh', '-c', script)

async function restoreVolume(t: Test, repo: string, volume: string, ...flags: string[]) {
  const words = restoreWords(repo, 'latest', '--volume', volume, '--into', 't-new', ...flags)
  const ended = await wherry([...words, '--json'])
  t.equal(ended.exitCode, 0, ended.stderr + ended.stdout)
  return ended.json
}

t.test('one volume is restored alone: new, over what has changed, and one path of it', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await runFiles()
  await create(repo, ['t-files'], '--standstill', 'stop')
  await docker('alpha', 'stop', 't-files')
  // The one that changes files all the time has gone on after the snapshot; what it was made of comes back.
  const whole = await restoreVolume(t, repo, 't-files')
  const taken = await described('t-new')
  const stays = (lines: readonly string[]) => lines.filter((line) => !line.includes('changing'))
  t.strictSame(stays(taken), stays(await described('t-files', 'alpha')))
  t.ok(taken.length > 400, `${taken.length} files`)

  const again = await wherry(restoreWords(repo, 'latest', '--volume', 't-files', '--into', 't-new'))
  t.equal(again.exitCode, 3, 'a volume that is there is left alone')

  await inVolume(
    't-new',
    'cd /v && echo surplus > matrix/surplus && mkdir -p own/deep && echo mine > own/deep/file',
  )
  await inVolume('t-new', `python3 -c '${removeSome}' && rm -rf /v/changing`)
  const over = await restoreVolume(t, repo, 't-files', '--overwrite')
  t.strictSame(
    await described('t-new'),
    taken,
    'what was there before, too much or too little, is as in the snapshot',
  )
  t.ok(
    over.filesWritten < whole.filesWritten / 2,
    `${over.filesWritten} of ${whole.filesWritten} were written`,
  )
  const nothing = await restoreVolume(t, repo, 't-files', '--overwrite')
  t.equal(nothing.bytesWritten, 0, 'what is right is not written again')

  await inVolume('t-new', 'cd /v && rm -rf changing && echo mine > own && rm -rf matrix/*')
  await restoreVolume(t, repo, 't-files:changing', '--overwrite')
  t.equal(await inVolume('t-new', 'cat /v/own; ls -A /v/matrix'), 'mine', 'the rest stays as it was')
  const ofPath = (lines: readonly string[]) => lines.filter((line) => line.includes('changing'))
  t.strictSame(ofPath(await described('t-new')), ofPath(taken))
})
