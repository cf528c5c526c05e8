import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { image } from './harness/configurations.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { migrate } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage()

const megabyte = 1024 * 1024

t.test('downtime does not grow with the volume', async (t) => {
  // What else the machine does can only make one of the two look slower: a pair that is close shows that the volume does not.
  const ratios: number[] = []
  while (ratios.length < 3 && !ratios.some((ratio) => ratio < 1.5)) {
    const small = await downtimeOf(t, 200)
    const large = await downtimeOf(t, 5000)
    t.comment(`downtime with 0.2 GB ${small} s, with 5 GB ${large} s`)
    ratios.push(large / small)
  }
  t.ok(Math.min(...ratios) < 1.5, `5 GB to 0.2 GB: ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')}`)
})

/** Moves a volume of that size under the steady writer, and gives the downtime in seconds. */
async function downtimeOf(t: Test, megabytes: number): Promise<number> {
  const words = ['python3', '/opt/steady.py', '/data', String(megabytes)]
  await docker('alpha', 'run', '-d', '--name', 't-steady', '-v', 't-steady:/data', image, ...words)
  await appears('t-steady', '/data/log')
  await sleep(2000)
  const result = await migrate(['t-steady'])
  t.comment(`${megabytes} MB: ${JSON.stringify(result.downtime)}, rounds ${JSON.stringify(result.rounds)}`)
  t.ok(result.containers[0].volumes[0].bytes > megabytes * megabyte * 0.9, 'all of it was moved')
  assertMemory(t, result)
  await clear(lab)
  return result.downtimeSeconds
}

t.test('memory stays bounded with 200,000 files', async (t) => {
  t.teardown(() => clear(lab))
  const make =
    'import os\nfor d in range(400):\n  os.mkdir(f"/data/{d}")\n  for f in range(500):\n    open(f"/data/{d}/{f}","wb").write(b"x"*(f*7%2000))\nopen("/data/made","w").close()'
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    't-many',
    '-v',
    't-many:/data',
    image,
    'sh',
    '-c',
    `[ -e /data/made ] || python3 -c '${make}'; trap "exit 0" TERM; while :; do sleep 0.1; done`,
  )
  await appears('t-many', '/data/made')
  const result = await migrate(['t-many'], '--path', 'relay')
  t.equal(result.containers[0].volumes[0].files, 200_001)
  t.comment(
    `200,000 files: total ${result.totalSeconds} s, downtime ${result.downtimeSeconds} s, memory ${JSON.stringify(result.peakMemoryBytes)}`,
  )
  assertMemory(t, result)
})

interface Measured {
  peakMemoryBytes: { cli: number; sourceAgent: number; targetAgent: number }
}

function assertMemory(t: Test, { peakMemoryBytes: { cli, sourceAgent, targetAgent } }: Measured): void {
  t.ok(cli < 200 * megabyte, `the CLI used ${Math.round(cli / megabyte)} MB`)
  t.ok(sourceAgent < 300 * megabyte, `the source agent used ${Math.round(sourceAgent / megabyte)} MB`)
  t.ok(targetAgent < 300 * megabyte, `the target agent used ${Math.round(targetAgent / megabyte)} MB`)
}

async function appears(container: string, path: string): Promise<void> {
  for (let attempt = 0; attempt < 1200; attempt++) {
    if (
      (await docker('alpha', 'exec', container, 'sh', '-c', `test -e ${path} && echo yes`).catch(
        () => '',
      )) === 'yes'
    )
      return
    await sleep(200)
  }
  throw new Error(`${path} did not appear in ${container}`)
}
