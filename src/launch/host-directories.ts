import type { AgentClient } from '../agent/client.ts'
import type { Engine } from '../engine/engine.ts'
import { migrationLabel, roleLabel } from '../model/plan.ts'
import { startAgent, treePath } from './agent.ts'

const root = treePath(0)
const record = treePath(1)

/**
 * Makes directories on an engine's host for a migration, where nothing is yet or an empty directory. A volume on that
 * engine keeps the record of them, so that they can be found whatever becomes of this process.
 * @returns the directories that were made.
 */
export async function makeHostDirectories(
  engine: Engine,
  image: string,
  id: string,
  paths: readonly string[],
): Promise<string[]> {
  await engine.volumes.create({
    Name: recordVolume(id),
    Driver: 'local',
    Labels: { [migrationLabel]: id, [roleLabel]: 'record' },
  })
  const { made } = await withHost(engine, image, id, (client) =>
    client.request('makeDirectories', { root, record, paths: [...paths] }),
  )
  return made
}

/** Takes away what a migration made on an engine's host, with what was copied there, and nothing else. */
export async function removeHostDirectories(engine: Engine, image: string, id: string): Promise<void> {
  if (!(await engine.volumes.inspect(recordVolume(id)))) return
  await withHost(engine, image, id, (client) => client.request('removeDirectories', { root, record }))
  await keepHostDirectories(engine, id)
}

/** Forgets what was made: it belongs to the container now. */
export async function keepHostDirectories(engine: Engine, id: string): Promise<void> {
  await engine.volumes.remove(recordVolume(id))
}

function recordVolume(id: string): string {
  return `wherry-${id}-directories`
}

async function withHost<T>(
  engine: Engine,
  image: string,
  id: string,
  action: (client: AgentClient) => Promise<T>,
): Promise<T> {
  const agent = await startAgent(engine, {
    image,
    name: `wherry-${id}-directories`,
    labels: { [migrationLabel]: id, [roleLabel]: 'agent' },
    mounts: [
      { kind: 'host', path: '/', readOnly: false },
      { kind: 'volume', volume: recordVolume(id), readOnly: false },
    ],
  })
  try {
    return await action(agent.client)
  } finally {
    await agent.remove()
  }
}
