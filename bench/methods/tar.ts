import { containerWords, nameOf } from '../data-sets.ts'
import { docker, image, pipeline, remove, volumeDirectory } from '../engines.ts'
import { type Figures, type Job, type Method, numberAfter, since, timed } from './method.ts'

const written = 'Total bytes written:'

/** The yardstick: tar to tar, from directory to directory, with no engine between. */
export const tar: Method = {
  name: 'tar',
  description: 'tar | tar between the two volume directories',
  movesContainer: false,
  needsDataRoots: true,
  async run({ engines: { alpha, beta }, set }) {
    await docker('beta', 'volume', 'create', nameOf(set))
    const directories = [volumeDirectory(alpha, nameOf(set)), volumeDirectory(beta, nameOf(set))]
    const script = 'tar -C "$1" --totals -cf - . | tar -C "$2" -xf -'
    const { value, seconds } = await timed(() => pipeline(script, ...directories))
    return { totalSeconds: seconds, copySeconds: seconds, bytesMoved: numberAfter(written, value) }
  },
}

/** What people do by hand: stop, tar to tar through `docker exec` in a helper on each engine, run. */
export const tarExec: Method = {
  name: 'tar-exec',
  description: 'docker stop, docker exec tar | docker exec tar, docker run',
  movesContainer: true,
  needsDataRoots: false,
  run: moveByExec,
}

async function moveByExec({ set }: Job): Promise<Figures> {
  const [name, helper] = [nameOf(set), `${nameOf(set)}-helper`]
  const start = performance.now()
  // The helpers are there before the stop, so that the outage is the shortest that this method allows.
  for (const engine of ['alpha', 'beta'] as const)
    await docker(engine, 'run', '--detach', '--name', helper, '--volume', `${name}:/data`, image)
  const stop = performance.now()
  await docker('alpha', 'stop', name)
  const script =
    'docker --context wherry-alpha exec "$1" tar -C /data --totals -cf - . |' +
    'docker --context wherry-beta exec -i "$1" tar -C /data -xf -'
  const copy = await timed(() => pipeline(script, helper))
  await docker('beta', 'run', '--detach', ...containerWords(set))
  const downtimeSeconds = since(stop)
  for (const engine of ['alpha', 'beta'] as const) await remove(engine, [helper], [])
  return {
    totalSeconds: since(start),
    downtimeSeconds,
    copySeconds: copy.seconds,
    bytesMoved: numberAfter(written, copy.value),
  }
}
