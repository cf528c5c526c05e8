import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { run } from '../src/platform/process.ts'
import { docker, type EngineName, type Engines, image, onHost, prefix, succeeded } from './engines.ts'
import { inTurns } from './in-turns.ts'

/** What TCP achieves between two engines, in MB/s: over a VXLAN device between the hosts, and between containers. */
export interface Crossing {
  traffic: string
  plain: number
  stretched: number
  ratio: number
}

const network = `${prefix}stretch`
const subnet = '10.97.31.0/24'
/** The yardstick: a device beside those of stretched networks, with a number, a port and addresses that nothing else has. */
const device = `${prefix}vxlan`
const deviceType = ['type', 'vxlan', 'id', '7340031', 'dstport', '14790', 'ttl', '64']
const deviceAddresses: Record<EngineName, string> = { alpha: '10.97.32.1', beta: '10.97.32.2' }
const wherry = fileURLToPath(new URL('../bin/run.js', import.meta.url))

/** A container for each way and engine; those of beta serve. */
const ways = ['plain', 'stretched'] as const
const containerOn = (way: (typeof ways)[number]) => `${prefix}${way}`

/** Stretches a network, makes a VXLAN device beside it, and measures both from alpha to beta and back, taking turns. */
export async function measureStretch(engines: Engines, scale: number): Promise<Crossing[]> {
  await clearStretch(engines)
  try {
    await makeDevices(engines)
    await docker('alpha', 'network', 'create', '--subnet', subnet, network)
    const between = ['--between', engines.alpha.context, engines.beta.context]
    succeeded('wherry network stretch', await wherryDoes('network', 'stretch', network, ...between, '--json'))
    await startContainers()
    const format = `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`
    const address = await docker('beta', 'inspect', '--format', format, containerOn('stretched'))
    const hosts = { plain: deviceAddresses.beta, stretched: address }
    const bytes = Math.ceil(scale * 1e9)
    return [await compare('to alpha', hosts, 'down', bytes), await compare('to beta', hosts, 'up', bytes)]
  } finally {
    await clearStretch(engines)
  }
}

async function makeDevices(engines: Engines): Promise<void> {
  for (const [name, other] of [
    ['alpha', 'beta'],
    ['beta', 'alpha'],
  ] as const) {
    const remote = ['remote', engines[other].address]
    await onHost(engines[name], 'ip', 'link', 'add', 'dev', device, ...deviceType, ...remote)
    await onHost(engines[name], 'ip', 'address', 'add', `${deviceAddresses[name]}/24`, 'dev', device)
    await onHost(engines[name], 'ip', 'link', 'set', 'dev', device, 'up')
  }
}

async function startContainers(): Promise<void> {
  const server = await readFile(new URL('data/traffic.py', import.meta.url), 'utf8')
  for (const way of ways) {
    const options = ['--detach', '--name', containerOn(way), '--network', way === 'plain' ? 'host' : network]
    await docker('alpha', 'run', ...options, image, 'sleep', 'infinity')
    await docker('beta', 'run', ...options, image, 'python3', '-c', server)
  }
}

async function compare(
  traffic: string,
  hosts: Record<(typeof ways)[number], string>,
  kind: 'down' | 'up',
  bytes: number,
): Promise<Crossing> {
  const client = await readFile(new URL('data/cross.py', import.meta.url), 'utf8')
  const cross = async (way: (typeof ways)[number]) => {
    const words = ['python3', '-c', client, hosts[way], kind, String(bytes)]
    return Number(await docker('alpha', 'exec', containerOn(way), ...words))
  }
  const { yardstick, measured, ratio } = await inTurns(
    () => cross('plain'),
    () => cross('stretched'),
  )
  return { traffic, plain: yardstick, stretched: measured, ratio }
}

/** Takes everything away, also what an earlier, killed run left. */
export async function clearStretch(engines: Engines): Promise<void> {
  for (const engine of ['alpha', 'beta'] as const) {
    await docker(engine, 'rm', '--force', ...ways.map(containerOn))
    await onHost(engines[engine], 'sh', '-c', `ip link delete ${device} 2> /dev/null; true`)
  }
  // Refused where nothing is stretched.
  await wherryDoes('network', 'unstretch', network, '--on', engines.alpha.context, '--yes')
  const there = await docker('alpha', 'network', 'ls', '--format', '{{.Name}}')
  if (there.split('\n').includes(network)) await docker('alpha', 'network', 'rm', network)
}

const wherryDoes = (...words: string[]) => run(process.execPath, [wherry, ...words])

/** The rows as a Markdown table. Pure. */
export function stretchTable(rows: readonly Crossing[]): string {
  return [
    '| traffic | plain VXLAN | stretched | ratio |',
    '|---|---:|---:|---:|',
    ...rows.map(
      ({ traffic, plain, stretched, ratio }) =>
        `| ${traffic} | ${plain.toFixed(0)} MB/s | ${stretched.toFixed(0)} MB/s | ${ratio.toFixed(2)} |`,
    ),
  ].join('\n')
}
