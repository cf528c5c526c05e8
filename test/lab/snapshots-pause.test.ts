import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { image } from './harness/configurations.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { create, newRepository, times } from './harness/snapshots.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage()
const megabytes = times('WHERRY_TEST_MEGABYTES', 1024)

/** So many files of 64 kB, and then a writer that goes on all the time. */
const fill = `
import os
for number in range(${megabytes} * 16):
    if number % 1000 == 0:
        os.makedirs("/data/files/%d" % (number // 1000))
    with open("/data/files/%d/%d" % (number // 1000, number), "wb") as file:
        file.write(os.urandom(65536))
os.makedirs("/data/steady")
open("/data/ready", "w").close()
os.execvp("python3", ["python3", "/opt/steady.py", "/data/steady", "64"])
`

t.test(
  `a volume of ${megabytes} MB that is written all the time stands still for less than a second`,
  async (t) => {
    t.teardown(() => clear(lab))
    const repo = await newRepository(t)
    await docker(
      'alpha',
      'run',
      '-d',
      '--name',
      't-large',
      '-v',
      't-large:/data',
      image,
      'python3',
      '-c',
      fill,
    )
    for (let waited = 0; waited < 300; waited++) {
      if (
        await docker('alpha', 'exec', 't-large', 'sh', '-c', 'test -e /data/steady/log && echo yes').catch(
          () => '',
        )
      )
        break
      await sleep(1000)
    }
    for (const turn of ['first', 'second']) {
      const result = await create(repo, ['t-large'])
      const { pauseSeconds, totalSeconds, bytesRead, bytesStored, rounds } = result
      t.ok(pauseSeconds < 1, `the ${turn}: ${pauseSeconds} s`)
      t.comment(JSON.stringify({ pauseSeconds, totalSeconds, bytesRead, bytesStored, rounds }))
    }
  },
)
