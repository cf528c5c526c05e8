import { connectEngine } from '../../../src/engine/connect.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import { type LabEngine, labEngine } from '../../../src/lab/record.ts'
import { removeKeeper } from '../../../src/network/keepers.ts'
import { membershipsOn } from '../../../src/network/membership.ts'
import { run } from '../../../src/platform/process.ts'

export type EngineName = 'alpha' | 'beta'

/** Both engines of the lab, which the test command has brought up. Everything that tests make is named `t-…`. */
export interface Lab {
  alpha: Engine
  beta: Engine
  alphaFacts: LabEngine
  betaFacts: LabEngine
  close(): Promise<void>
}

/** Connects to the lab and clears away what an earlier, killed test left. Throws where there is no lab: tests never skip. */
export async function openLab(): Promise<Lab> {
  const [alphaFacts, betaFacts] = await Promise.all([labEngine('alpha'), labEngine('beta')])
  const [alpha, beta] = await Promise.all([
    connectEngine(alphaFacts.context),
    connectEngine(betaFacts.context),
  ])
  const lab = {
    alpha,
    beta,
    alphaFacts,
    betaFacts,
    close: async () => void (await Promise.all([alpha.close(), beta.close()])),
  }
  await clear(lab)
  return lab
}

/** Takes off both engines what tests made, named `t-…`, and agents that a killed run left. */
export async function clear({ alpha, beta }: Pick<Lab, 'alpha' | 'beta'>): Promise<void> {
  const isOurs = (name: string | undefined) => /^\/?(t|wherry)-/.test(name ?? '')
  for (const engine of [alpha, beta]) {
    // One that is removed like others leaves its link.
    for (const membership of await membershipsOn(engine)) await removeKeeper(membership)
    for (const { Id, Names } of await engine.containers.list()) {
      if (isOurs(Names[0])) await engine.containers.remove(Id, { volumes: true })
    }
    for (const { Name } of await engine.volumes.list()) if (isOurs(Name)) await engine.volumes.remove(Name)
    for (const { Id, Name } of await engine.networks.list())
      if (isOurs(Name)) await engine.networks.remove(Id)
    await engine.images.remove('t-foreign:latest')
  }
}

/** Runs the Docker CLI against one of the lab's engines, as a user would; throws with its words when it fails. */
export async function docker(engine: EngineName, ...args: string[]): Promise<string> {
  const result = await run('docker', ['--context', `wherry-${engine}`, ...args], { timeoutMs: 120_000 })
  if (result.failure) throw new Error(`docker ${args.join(' ')}: ${result.stderr || result.failure}`)
  return result.stdout.trim()
}

/** Runs a program on an engine's host, which is a container of the lab's outer engine. */
export async function inEngine({ outer, container }: LabEngine, ...words: string[]): Promise<string> {
  const result = await run('docker', ['--host', outer, 'exec', container, ...words], { timeoutMs: 60_000 })
  if (result.failure)
    throw new Error(`${words.join(' ')} on ${container}: ${result.stderr || result.failure}`)
  return result.stdout.trim()
}

/** Everything on an engine that a refusal must leave as it was. */
export async function objectsOn(engine: Engine): Promise<Record<string, unknown>> {
  const [containers, volumes, networks] = await Promise.all([
    engine.containers.list(),
    engine.volumes.list(),
    engine.networks.list(),
  ])
  return {
    containers: containers.map(({ Id, Names, State }) => [Id, Names, State]).sort(),
    volumes: volumes.map(({ Name, CreatedAt }) => [Name, CreatedAt]).sort(),
    networks: networks.map(({ Id, Name }) => [Id, Name]).sort(),
    images: await engine.images.listNames(),
  }
}
