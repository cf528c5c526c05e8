import { setTimeout as sleep } from 'node:timers/promises'
import { image } from './configurations.ts'
import type { Lab } from './engines.ts'
import { docker, type EngineName } from './engines.ts'

/** What a container does that makes one of every kind of file once, and changes others all the time. */
const prepare =
  'python3 /opt/matrix.py /v/matrix && python3 /opt/matrix.py /layer && rm -rf /usr/share/doc /etc/services && mkdir /usr/share/doc && echo "# changed" >> /usr/local/bin/run-postgres && touch /ready'

/** Runs `t-files` on alpha, with every kind of file on its volume and in its writable layer. */
export async function runFiles(): Promise<void> {
  const inside = `if [ ! -e /ready ]; then ${prepare}; fi; exec python3 /opt/mutate.py /v/changing`
  await docker('alpha', 'run', '-d', '--name', 't-files', '-v', 't-files:/v', image, 'sh', '-c', inside)
  await waitFor('/ready')
  // What changed within two seconds before it was read is read again.
  await sleep(2500)
}

/** Describes a container's volume at /v and the raw directory of its writable layer, from outside the container. */
export async function describeFiles(lab: Lab, name: EngineName, container = 't-files'): Promise<string[]> {
  const document = await lab[name].containers.inspect(container)
  const volume = document?.Mounts.find(({ Destination }) => Destination === '/v')?.Name
  const mounts = ['-v', `${volume}:/v:ro`, '-v', `${document?.GraphDriver?.Data?.UpperDir}:/upper:ro`]
  // Attributes in the trusted namespace are shown to CAP_SYS_ADMIN only.
  const words = ['--cap-add', 'SYS_ADMIN', ...mounts, image, 'python3', '/opt/describe.py', '/v', '/upper']
  return (await docker(name, 'run', '--rm', ...words)).split('\n')
}

async function waitFor(path: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const there = await docker('alpha', 'exec', 't-files', 'sh', '-c', `test -e ${path} && echo yes`).catch(
      () => '',
    )
    if (there === 'yes') return
    await sleep(100)
  }
  throw new Error(`${path} did not appear: ${await docker('alpha', 'logs', 't-files')}`)
}
