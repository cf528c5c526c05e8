import { setTimeout as sleep } from 'node:timers/promises'
import { answers } from '../../../src/lab/ping.ts'
import type { LabEngine } from '../../../src/lab/record.ts'
import { waitFor } from '../../../src/lab/wait.ts'
import { inEngine } from '../../lab/harness/engines.ts'
import type { Fault } from './fault.ts'

/** The source's dockerd dies and is started again by the lab, as systemd would. */
export const sourceDaemon: Fault = {
  title: 'kill -9 and restart of the source daemon',
  inject: ({ lab }) => killDaemon(lab.alphaFacts),
}

/** The target's dockerd dies and is started again. */
export const targetDaemon: Fault = {
  title: 'kill -9 and restart of the target daemon',
  inject: ({ lab }) => killDaemon(lab.betaFacts),
}

async function killDaemon(engine: LabEngine): Promise<() => Promise<void>> {
  const before = await inEngine(engine, 'pgrep', '-x', 'dockerd')
  await inEngine(engine, 'pkill', '-KILL', '-x', 'dockerd')
  return async () => {
    const socket = new URL(engine.unix).pathname
    await waitFor({ what: `${engine.name} to come back`, timeoutMs: 60_000 }, async () => {
      const now = await inEngine(engine, 'pgrep', '-x', 'dockerd')
      return now !== before && (await answers(socket)) ? true : undefined
    })
    // Containers with a restart policy come up right after the engine answers.
    await sleep(300)
  }
}
