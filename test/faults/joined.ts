import { once } from 'node:events'
import { connect } from 'node:net'
import { waitFor } from '../../src/lab/wait.ts'
import { messageOf } from '../../src/model/errors.ts'
import { forwarderName } from '../../src/network/forwarders.ts'
import { ghostName } from '../../src/network/ghosts.ts'
import { keeperName, membershipsOn } from '../../src/network/membership.ts'
import { docker, type EngineName, type Lab } from '../lab/harness/engines.ts'
import { tracesOn } from '../lab/harness/stretched.ts'
import { image } from './bench.ts'
import { asked } from './client.ts'
import { workload } from './workload.ts'

/** A container that stays on the source when the workload is moved with its network stretched. */
export const peer = 't-peer'

/** Puts the peer on the source's network, where it outlives its engine's daemon. */
export async function startPeer(): Promise<void> {
  const options = ['--detach', '--init', '--restart', 'always', '--name', peer]
  await docker('alpha', 'run', ...options, '--network', workload.network, image, 'sleep', 'infinity')
}

/** What joining networks leaves on an engine's host, one line for each device and table of filters. */
export async function hostTraces(lab: Lab, engine: EngineName): Promise<string[]> {
  const { devices, tables } = await tracesOn(lab, engine)
  return [...devices.map((device) => `device ${device}`), ...tables]
}

/** What has to be on an engine after a stretched move with forwarders, in the words of `found`: all that is there. */
export async function joinedObjects(
  lab: Lab,
  engine: EngineName,
  found: readonly string[],
): Promise<string[]> {
  const { name, network } = workload
  const [membership] = await membershipsOn(lab[engine], network)
  const device = `wherry${membership?.record.settings.vni}`
  const helpers =
    engine === 'alpha'
      ? [keeperName(network), ghostName(name), forwarderName(name)]
      : [keeperName(network), ghostName(peer)]
  return [
    // Their ids are nobody's business, but that there is one of each is.
    ...helpers.map((helper) => {
      const line = `container /${helper} `
      return found.find((one) => one.startsWith(line)) ?? line
    }),
    ...[`device ${device}`, `table bridge ${device}`, `table inet ${device}`],
  ]
}

/** Whether those who stayed find the container, wherever it runs: its peer by its names, and clients at the source's port. */
export async function reachProblems({ alphaFacts }: Lab): Promise<string[]> {
  const questions: [string, () => Promise<unknown>][] = [
    ...[workload.name, workload.alias].map((host): [string, () => Promise<unknown>] => [
      `${peer} to reach ${host}`,
      () => docker('alpha', 'exec', peer, 'node', '-e', question, host),
    ]),
    ['an answer at the published port of alpha', () => askAt(alphaFacts.address)],
  ]
  const problems: string[] = []
  for (const [what, ask] of questions) {
    // A daemon that was killed takes some seconds until everything runs again that starts with it.
    await waitFor({ what, timeoutMs: 30_000 }, async () => {
      await ask()
      return true
    }).catch((error) => problems.push(messageOf(error).trim()))
  }
  return problems
}

/** A program that has a record written by the host of its argument, and fails where none is. */
const question = `
const socket = require('node:net').connect({ host: process.argv[1], port: 7070 }, () => socket.write('peer\\n'))
socket.setTimeout(2000, () => socket.destroy(new Error('no answer')))
socket.once('data', (answer) => process.exit(/^\\d+\\n$/.test(String(answer)) ? 0 : 1))`

async function askAt(host: string): Promise<void> {
  const socket = connect({ host, port: workload.port })
  socket.setTimeout(2000, () => socket.destroy(new Error('no answer')))
  try {
    await once(socket, 'connect')
    const answer = await asked(socket, 'client')
    if (!/^\d+$/.test(answer)) throw new Error(answer)
  } finally {
    socket.destroy()
  }
}
