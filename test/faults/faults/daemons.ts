import { answers } from '../../../src/lab/ping.ts'
import type { LabEngine } from '../../../src/lab/record.ts'
import { waitFor } from '../../../src/lab/wait.ts'
import { inEngine } from '../../lab/harness/engines.ts'
import type { Fault } from './fault.ts'

/** The source's dockerd dies and is started again by the lab, as an init system would. */
export const sourceDaemon: Fault = {
  title: 'kill -9 and restart of the source daemon',
  strike: ({ lab }) => killDaemon(lab.alphaFacts),
  lift: (lab) => waitForDaemon(lab.alphaFacts),
}

/** The target's dockerd dies and is started again. */
export const targetDaemon: Fault = {
  title: 'kill -9 and restart of the target daemon',
  strike: ({ lab }) => killDaemon(lab.betaFacts),
  lift: (lab) => waitForDaemon(lab.betaFacts),
}

/** Ends a dockerd in order and waits for the next one. */
export async function restartDaemon(engine: LabEngine): Promise<void> {
  await inEngine(engine, 'pkill', '-TERM', '-x', 'dockerd')
  await waitFor({ what: `the dockerd of ${engine.name} to end`, timeoutMs: 30_000 }, async () =>
    (await answers(new URL(engine.unix).pathname)) ? undefined : true,
  )
  await waitForDaemon(engine)
}

async function killDaemon(engine: LabEngine): Promise<void> {
  await inEngine(engine, 'pkill', '-KILL', '-x', 'dockerd')
}

async function waitForDaemon({ name, unix }: LabEngine): Promise<void> {
  const socket = new URL(unix).pathname
  await waitFor({ what: `${name} to come back`, timeoutMs: 60_000 }, async () =>
    (await answers(socket)) ? true : undefined,
  )
}
