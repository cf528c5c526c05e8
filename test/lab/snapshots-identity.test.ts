import t from 'tap'
import type { ContainerDocument } from '../../src/model/documents.ts'
import { differences, exceptions } from './harness/documents.ts'
import { clear, openLab } from './harness/engines.ts'
import { comparable, configured, inspected, ownExceptions, runConfigured } from './harness/identity.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { create, newRepository, restore } from './harness/snapshots.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

t.test('what docker inspect shows of a restored container is what it showed before', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  const originals = await runConfigured(lab.alpha)
  const created = await create(repo, configured)
  t.comment(`stood still for ${created.pauseSeconds} s`)
  const restored = await restore(repo, created.id)
  t.equal(restored.containers.length, configured.length)
  for (const name of configured) {
    const original = comparable(originals.get(name) as ContainerDocument)
    const copy = comparable(await inspected(lab.beta, name))
    t.strictSame(differences(original, copy, [...exceptions, ...ownExceptions(original)]), [], name)
    t.equal(copy.State.Running, true, `${name} runs`)
    t.equal((await inspected(lab.alpha, name)).State.Running, true, 'and so does the original')
  }
})
