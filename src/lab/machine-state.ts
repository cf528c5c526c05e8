import { existsSync } from 'node:fs'
import { readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { readJson, writeFileAtomically } from '../platform/files.ts'
import { run } from '../platform/process.ts'
import { labBridges, labSubnets } from './network.ts'
import { allProcesses } from './processes.ts'

/** How the machine was before an engine changed it. */
interface Before {
  /** The policy of the FORWARD chain; an engine sets it to DROP. */
  forwardPolicy: string
  /** net.ipv4.ip_forward; an engine turns it on. */
  ipForward: string
  /** An engine that ran here earlier left its chains: they are not the lab's to remove. */
  hadDockerChains: boolean
  /** Those of `sharedDirectories` that were not there. */
  newDirectories?: string[]
}

/** What every engine and containerd make under /run whatever their exec root is, the innermost first. */
const sharedDirectories = ['/run/docker/plugins', '/run/docker', '/run/containerd/s', '/run/containerd']
const ipForward = '/proc/sys/net/ipv4/ip_forward'

/** Records how forwarding, the firewall and /run are, once; a later start must not record the lab's own changes. */
export async function rememberMachine(file: string): Promise<void> {
  if (await readJson<Before>(file)) return
  const rules = (await run('iptables', ['-S'], { timeoutMs: 10_000 })).stdout
  const before: Before = {
    forwardPolicy: /^-P FORWARD (\w+)/m.exec(rules)?.[1] ?? 'ACCEPT',
    ipForward: (await readFile(ipForward, 'utf8')).trim(),
    hadDockerChains: /^-N DOCKER/m.test(rules),
    newDirectories: sharedDirectories.filter((directory) => !existsSync(directory)),
  }
  await writeFileAtomically(file, JSON.stringify(before))
}

/** Takes back what the private engine did to the firewall, to forwarding and to /run. It must have ended. */
export async function restoreMachine(file: string): Promise<void> {
  const before = await readJson<Before>(file).catch(() => undefined)
  if (!before) return
  if (!before.hadDockerChains) {
    for (const table of ['filter', 'nat', 'raw']) {
      const rules = (await run('iptables', ['-t', table, '-S'], { timeoutMs: 10_000 })).stdout
      for (const args of removalsOf(rules))
        await run('iptables', ['-t', table, ...args], { timeoutMs: 10_000 })
    }
  }
  await run('iptables', ['-P', 'FORWARD', before.forwardPolicy], { timeoutMs: 10_000 })
  await writeFile(ipForward, before.ipForward).catch(() => undefined)
  await removeSharedDirectories(before.newDirectories ?? [])
}

/**
 * The iptables arguments that remove an engine's chains and the rules that jump to them or masquerade for its
 * bridges, from `iptables -S` output. Pure.
 */
export function removalsOf(rules: string): string[][] {
  const lines = rules.split('\n')
  const chains = lines.flatMap((line) => /^-N (DOCKER\S*)/.exec(line)?.[1] ?? [])
  const prefixes = labSubnets.map((subnet) => subnet.replace(/\d+\/\d+$/, '').replaceAll('.', '\\.'))
  const ours = new RegExp(`-j DOCKER|-[io] (${labBridges.join('|')})\\b|-[sd] (${prefixes.join('|')})`)
  const inOthers = lines.filter((line) => /^-A (?!DOCKER)/.test(line) && ours.test(line))
  return [
    ...inOthers.map((line) => ['-D', ...line.split(' ').slice(1)]),
    ...chains.map((chain) => ['-F', chain]),
    ...chains.map((chain) => ['-X', chain]),
  ]
}

/** A shim that was killed leaves its socket. With no other containerd on the machine it is nobody else's. */
async function removeSharedDirectories(directories: readonly string[]): Promise<void> {
  const others = (await allProcesses()).some(({ words }) =>
    /(^|\/)(containerd|dockerd)$/.test(words[0] ?? ''),
  )
  if (others) return
  if (directories.includes('/run/containerd/s'))
    await rm('/run/containerd/s', { recursive: true, force: true })
  for (const directory of directories) await rmdir(directory).catch(() => undefined)
}
