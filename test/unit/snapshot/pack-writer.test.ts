import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { encodings } from '../../../src/agent/snapshot/records.ts'
import { PackWriter } from '../../../src/snapshot/pack-writer.ts'
import type { Repository } from '../../../src/snapshot/repository/repository.ts'
import { unsealed } from '../../../src/snapshot/seal.ts'

const directory = await mkdtemp(join(tmpdir(), 'wherry-unit-'))
t.teardown(() => rm(directory, { recursive: true, force: true }))

/** A writer whose repository takes packs as `addFile` does. */
const writerFor = (addFile: Repository['addFile']) =>
  new PackWriter({ addFile } as Repository, directory, unsealed)

async function fill(packs: PackWriter, mebibytes: number): Promise<void> {
  for (let done = 0; done < mebibytes; done++) {
    const stored = randomBytes(1 << 20)
    const digest = createHash('sha256').update(stored).digest()
    await packs.add({ digest, length: stored.length, encoding: encodings.raw, stored })
  }
}

t.test('a pack that cannot be given away is met by what follows, and is not listed', async (t) => {
  let given = 0
  const packs = writerFor(async (path) => {
    if (++given === 2) throw new Error('no space left')
    await rm(path)
  })
  await t.rejects(fill(packs, 100), { message: 'no space left' })
  t.equal(packs.packs.length, 1)
  await packs.discard()
  const last = writerFor(() => Promise.reject(new Error('the registry is gone')))
  await fill(last, 1)
  await t.rejects(last.end(), { message: 'the registry is gone' })
  t.strictSame(last.packs, [])
  await last.discard()
  t.strictSame(await readdir(directory), [], 'nothing is left of them')
})

t.test('one is filled while another is on its way, and no third', async (t) => {
  const arrive: (() => void)[] = []
  const packs = writerFor((path) => new Promise((resolve) => arrive.push(() => resolve(rm(path)))))
  await fill(packs, 40)
  t.equal(arrive.length, 1)
  const third = fill(packs, 30)
  const isHeldUp = await Promise.race([third.then(() => false), new Promise((r) => setTimeout(r, 200, true))])
  t.ok(isHeldUp)
  t.equal(packs.packs.length, 0, 'none is listed before it has arrived')
  arrive.shift()?.()
  await third
  arrive.shift()?.()
  const end = packs.end()
  while (arrive.length === 0) await new Promise((r) => setTimeout(r, 5))
  arrive.shift()?.()
  await end
  t.equal(packs.packs.length, 3)
  t.strictSame(await readdir(directory), [])
})
