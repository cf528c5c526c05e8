import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { run } from '../src/platform/process.ts'
import { docker, type EngineName, type Engines, image, onHost, prefix, succeeded } from './engines.ts'
import { type Compared, inTurns } from './in-turns.ts'

/**
 * Ways from one engine to the other: over a plain VXLAN device between the hosts; over one between containers, in a bridge that
 * wherry has not touched, which shows what the kernel takes for bridges and containers; and over a stretched network.
 */
export type Way = 'plain' | 'bridged' | 'stretched'

/** What TCP achieves between two engines, in MB/s, and how that compares with the plain device. */
export interface Crossing {
  traffic: string
  ways: Record<Way, Compared>
}

const network = `${prefix}stretch`
const subnet = '10.97.31.0/24'
const wherry = fileURLToPath(new URL('../bin/run.js', import.meta.url))

/** A yardstick's device, with a number, a port and addresses that nothing else has. */
interface Device {
  name: string
  words: string[]
}
const vxlan = (name: string, id: string, port: string): Device => ({
  name,
  words: ['dev', name, 'type', 'vxlan', 'id', id, 'dstport', port, 'ttl', '64'],
})
const plainDevice = vxlan(`${prefix}vxlan`, '7340031', '14790')
const plainAddresses: Record<EngineName, string> = { alpha: '10.97.32.1', beta: '10.97.32.2' }
const bridgedDevice = vxlan(`${prefix}vxlan2`, '7340033', '14792')
const bridgedNetwork = `${prefix}bridged`
/** What Docker calls the bridge itself: at most 15 characters. */
const bridge = `${prefix}bridge`
const bridgedOptions: Record<EngineName, string[]> = {
  alpha: ['--ip-range', '10.97.33.0/25', '--gateway', '10.97.33.1'],
  beta: ['--ip-range', '10.97.33.128/25', '--gateway', '10.97.33.129'],
}

/** A container for each way and engine, on this network; those of beta serve. */
const networks: Record<Way, string> = { plain: 'host', bridged: bridgedNetwork, stretched: network }
const ways = Object.keys(networks) as Way[]
const containerOn = (way: Way) => `${prefix}${way}`

/** Stretches a network, makes VXLAN devices beside it, and measures all from alpha to beta and back, taking turns. */
export async function measureStretch(engines: Engines, scale: number): Promise<Crossing[]> {
  await clearStretch(engines)
  try {
    await docker('alpha', 'network', 'create', '--subnet', subnet, network)
    const between = ['--between', engines.alpha.context, engines.beta.context]
    succeeded('wherry network stretch', await wherryDoes('network', 'stretch', network, ...between, '--json'))
    for (const engine of ['alpha', 'beta'] as const) await makeYardsticks(engines, engine)
    const hosts = await startContainers()
    const bytes = Math.ceil(scale * 1e9)
    return [await compare('to alpha', hosts, 'down', bytes), await compare('to beta', hosts, 'up', bytes)]
  } finally {
    await clearStretch(engines)
  }
}

async function makeYardsticks(engines: Engines, name: EngineName): Promise<void> {
  const ip = (...words: string[]) => onHost(engines[name], 'ip', ...words)
  const remote = ['remote', engines[name === 'alpha' ? 'beta' : 'alpha'].address]
  await ip('link', 'add', ...plainDevice.words, ...remote)
  await ip('address', 'add', `${plainAddresses[name]}/24`, 'dev', plainDevice.name)
  await ip('link', 'set', 'dev', plainDevice.name, 'up')
  const options = [`com.docker.network.bridge.name=${bridge}`, 'com.docker.network.driver.mtu=1450']
  const words = [...bridgedOptions[name], ...options.flatMap((option) => ['--opt', option])]
  await docker(name, 'network', 'create', '--subnet', '10.97.33.0/24', ...words, bridgedNetwork)
  await ip('link', 'add', ...bridgedDevice.words, ...remote)
  await ip('link', 'set', 'dev', bridgedDevice.name, 'master', bridge, 'up')
}

/** @returns where each way's server is reached. */
async function startContainers(): Promise<Record<Way, string>> {
  const server = await readFile(new URL('data/traffic.py', import.meta.url), 'utf8')
  const hosts = { plain: plainAddresses.beta, bridged: '', stretched: '' }
  for (const way of ways) {
    const options = ['--detach', '--name', containerOn(way), '--network', networks[way]]
    await docker('alpha', 'run', ...options, image, 'sleep', 'infinity')
    await docker('beta', 'run', ...options, image, 'python3', '-c', server)
    const format = `{{(index .NetworkSettings.Networks "${networks[way]}").IPAddress}}`
    hosts[way] ||= await docker('beta', 'inspect', '--format', format, containerOn(way))
  }
  return hosts
}

async function compare(
  traffic: string,
  hosts: Record<Way, string>,
  kind: 'down' | 'up',
  bytes: number,
): Promise<Crossing> {
  const client = await readFile(new URL('data/cross.py', import.meta.url), 'utf8')
  const cross = async (way: Way) => {
    const words = ['python3', '-c', client, hosts[way], kind, String(bytes)]
    return Number(await docker('alpha', 'exec', containerOn(way), ...words))
  }
  return { traffic, ways: await inTurns<Way>('plain', ['bridged', 'stretched'], cross) }
}

/** Takes everything away, also what an earlier, killed run left. */
export async function clearStretch(engines: Engines): Promise<void> {
  const devices = [plainDevice.name, bridgedDevice.name]
  const gone = devices.map((name) => `ip link delete ${name} 2> /dev/null`).join('; ')
  for (const engine of ['alpha', 'beta'] as const) {
    await docker(engine, 'rm', '--force', ...ways.map(containerOn))
    await onHost(engines[engine], 'sh', '-c', `${gone}; true`)
    await removeNetwork(engine, bridgedNetwork)
  }
  // Refused where nothing is stretched.
  await wherryDoes('network', 'unstretch', network, '--on', engines.alpha.context, '--yes')
  await removeNetwork('alpha', network)
}

async function removeNetwork(engine: EngineName, name: string): Promise<void> {
  const there = await docker(engine, 'network', 'ls', '--format', '{{.Name}}')
  if (there.split('\n').includes(name)) await docker(engine, 'network', 'rm', name)
}

const wherryDoes = (...words: string[]) => run(process.execPath, [wherry, ...words])

/** The rows as a Markdown table. Pure. */
export function stretchTable(rows: readonly Crossing[]): string {
  const cell = ({ median, ratio }: Compared) => `${median.toFixed(0)} MB/s (${ratio.toFixed(2)})`
  return [
    '| traffic | plain VXLAN | plain VXLAN, containers | stretched |',
    '|---|---:|---:|---:|',
    ...rows.map(
      ({ traffic, ways: { plain, bridged, stretched } }) =>
        `| ${traffic} | ${plain.median.toFixed(0)} MB/s | ${cell(bridged)} | ${cell(stretched)} |`,
    ),
  ].join('\n')
}
