import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { engineImageTag } from './engine-image.ts'
import type { OuterEngine } from './outer-engine.ts'
import { answers } from './ping.ts'
import { type LabEngineName, type LabFlavour, type LabPlaces, labLabel } from './places.ts'
import { labFailure, waitFor } from './wait.ts'

/** The ports of 127.0.0.1 at which an engine is published. */
export interface EnginePorts {
  ssh: number
  tls: number
}

/** Capabilities for where --privileged is refused: every one that a 20.10 engine knows, without SYS_RESOURCE. */
const capabilities =
  `AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID
  IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST
  NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO
  SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM`.split(/\s+/)

/** The arguments in place of --privileged. Inner containers get a cgroup of their own, so that `down` can find it. */
export function unprivilegedArguments(cgroup: string): string[] {
  return [
    ...capabilities.flatMap((capability) => ['--cap-add', capability]),
    ...['--security-opt', 'seccomp=unconfined', '--security-opt', 'systempaths=unconfined'],
    ...['--device-cgroup-rule', 'a *:* rwm', '--volume', '/sys/fs/cgroup:/sys/fs/cgroup'],
    ...['--env', `WHERRY_LAB_CGROUP_PARENT=${cgroup}`],
  ]
}

/**
 * Creates and starts an engine's container, privileged where that is allowed, and gives its ports. A half-made
 * container of that name is removed first; the engine's volume is kept.
 */
export async function createEngineContainer(
  outer: OuterEngine,
  places: LabPlaces,
  name: LabEngineName,
  address: string,
  flavour: LabFlavour,
): Promise<EnginePorts> {
  await mkdir(places.runDirectory(name), { recursive: true, mode: 0o700 })
  const ports = { ssh: await freePort(), tls: await freePort() }
  const common = commonArguments(places, name, address, ports)
  const image = engineImageTag(flavour)
  let failure = ''
  for (const rights of [['--privileged'], unprivilegedArguments(places.cgroup(name))]) {
    await removeContainer(outer, places, name)
    const started = await outer.try(['run', '--detach', ...common, ...rights, image], { timeoutMs: 60_000 })
    if (!started.failure) return ports
    failure = started.stderr
  }
  throw labFailure('lab-container-failed', `the engine ${name} could not be started in a container`, failure)
}

function commonArguments(
  places: LabPlaces,
  name: LabEngineName,
  address: string,
  ports: EnginePorts,
): string[] {
  const engine = places.engine(name)
  return [
    ...['--name', places.container(name), '--hostname', name, '--init', '--label', `${labLabel}=${name}`],
    ...['--network', places.network, '--ip', address],
    ...['--sysctl', 'net.ipv6.conf.all.disable_ipv6=0', '--sysctl', 'net.ipv6.conf.default.disable_ipv6=0'],
    ...['--volume', `${places.volume(name)}:/var/lib/docker`],
    ...['--volume', '/lib/modules:/lib/modules:ro'],
    ...['--volume', `${places.runDirectory(name)}:/run/wherry-lab`],
    ...['--volume', `${join(engine, 'tls')}:/etc/wherry-lab/tls:ro`],
    ...['--volume', `${join(engine, 'ssh')}:/etc/wherry-lab/ssh:ro`],
    ...['--publish', `127.0.0.1:${ports.ssh}:22`, '--publish', `127.0.0.1:${ports.tls}:2376`],
  ]
}

/** Waits up to 180 s until the engine answers on its socket: an emulated machine needs more than one minute. */
export async function waitForEngine(
  outer: OuterEngine,
  places: LabPlaces,
  name: LabEngineName,
): Promise<void> {
  const log = async () => {
    const logs = await outer.try(['logs', '--tail', '20', places.container(name)], { timeoutMs: 10_000 })
    return logs.stdout + logs.stderr
  }
  await waitFor({ what: `the engine ${name} to answer`, timeoutMs: 180_000, log }, async () =>
    (await answers(places.socket(name))) ? true : undefined,
  )
}

/** A port that nobody listens on now. Chosen here and not by the engine, so that it survives a restart. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Removes an engine's container and its volume; not one of that name that is somebody else's. */
export async function removeEngine(
  outer: OuterEngine,
  places: LabPlaces,
  name: LabEngineName,
): Promise<void> {
  await removeContainer(outer, places, name)
  const filters = ['--filter', `name=${places.volume(name)}`, '--filter', `label=${labLabel}=${name}`]
  const volumes = await outer.try(['volume', 'ls', '--quiet', ...filters], { timeoutMs: 20_000 })
  if (volumes.stdout.trim()) await outer.try(['volume', 'rm', places.volume(name)], { timeoutMs: 60_000 })
}

async function removeContainer(outer: OuterEngine, places: LabPlaces, name: LabEngineName): Promise<void> {
  const filters = ['--filter', `name=^/${places.container(name)}$`, '--filter', `label=${labLabel}=${name}`]
  const found = await outer.try(['ps', '--all', '--quiet', ...filters], { timeoutMs: 20_000 })
  const id = found.stdout.trim()
  if (id) await outer.try(['rm', '--force', '--volumes', id], { timeoutMs: 60_000 })
}
