import type { Engine } from '../engine/engine.ts'
import type { PortBinding } from '../model/documents.ts'
import type { Mode, Plan, Verification, Warning } from '../model/plan.ts'
import { type Forwarder, forwardersOn } from '../network/forwarders.ts'
import { ghostsOn } from '../network/ghosts.ts'
import { membershipsOn } from '../network/membership.ts'
import type { Run } from './run.ts'

/** What `migrate --json` prints. Times in seconds, sizes in bytes. Fields are only ever added. */
export interface MigrateResult {
  id: string
  status: 'completed'
  mode: Mode
  path: 'direct' | 'relay'
  /** From the moment the source was told to stop until the target served. */
  downtimeSeconds: number
  /** Where the downtime went. */
  downtime: { stopSeconds: number; finalRoundSeconds: number; startSeconds: number; healthSeconds: number }
  totalSeconds: number
  /** How what arrived was compared before the commit, and the seconds of downtime that reading back took. */
  verification: { mode: Verification; readBackSeconds: number }
  bytesTransferred: number
  rounds: { files: number; bytes: number; seconds: number }[]
  containers: MovedContainer[]
  /** The most memory that each part used. */
  peakMemoryBytes: { cli: number; sourceAgent: number; targetAgent: number }
  /** What stays on the source and passes clients on. */
  forwarders: Forwarder[]
  /** Networks that are one on both engines now, and whom ghosts stand for on each. */
  stretched: {
    networks: string[]
    /** Those of them whose packets between the hosts are encrypted. */
    encrypted: string[]
    ghosts: { engine: string; of: string }[]
  }
  warnings: Warning[]
}

/** One container, as it is on the target now. */
export interface MovedContainer {
  name: string
  source: { engine: string; id: string }
  target: { engine: string; id: string }
  image: string
  volumes: { name: string; destination: string; bytes: number; files: number; digest: string }[]
  writableLayer?: { bytes: number; files: number; digest: string }
  networks: { name: string; ipv4: string; ipv6: string; mac: string; aliases: string[] }[]
  ports: Record<string, PortBinding[] | null>
}

/** Puts the result together, and looks once more at what runs on the target. */
export async function resultOf(run: Run, startedAtMs: number): Promise<MigrateResult> {
  const { plan, rounds, times, target } = run
  const { restedFromMs = 0, restedMs = 0, verifiedMs = 0, startedMs = 0, servingMs = 0 } = times
  const seconds = (from: number, to: number) => Math.max(0, Math.round(to - from) / 1000)
  const ran = plan.containers.some(({ wasRunning }) => wasRunning)
  return {
    id: plan.id,
    status: 'completed',
    mode: plan.options.mode,
    path: run.agents?.link.kind ?? 'relay',
    downtimeSeconds: ran ? seconds(restedFromMs, servingMs) : 0,
    downtime: {
      stopSeconds: seconds(restedFromMs, restedMs),
      finalRoundSeconds: seconds(restedMs, verifiedMs),
      startSeconds: seconds(verifiedMs, startedMs),
      healthSeconds: seconds(startedMs, servingMs),
    },
    totalSeconds: seconds(startedAtMs, performance.now()),
    verification: { mode: plan.options.verify, readBackSeconds: seconds(0, times.readBackMs ?? 0) },
    bytesTransferred: run.bytesTransferred,
    rounds: rounds.map(({ filesSent, bytesSent, seconds }) => ({
      files: filesSent,
      bytes: bytesSent,
      seconds,
    })),
    containers: await Promise.all(plan.containers.map(({ name }) => movedContainer(run, plan, target, name))),
    forwarders: await forwardersLeft(run),
    stretched: await stretchedNow(run),
    peakMemoryBytes: {
      // The operating system counts in KiB.
      cli: process.resourceUsage().maxRSS * 1024,
      sourceAgent: Math.max(0, ...rounds.map(({ sourcePeakMemoryBytes }) => sourcePeakMemoryBytes)),
      targetAgent: Math.max(0, ...rounds.map(({ targetPeakMemoryBytes }) => targetPeakMemoryBytes)),
    },
    warnings: [...plan.warnings, ...skippedAttributes(run), ...(run.unwritten ? [run.unwritten] : [])],
  }
}

/** Invariant: nothing hidden. SELinux labels belong to the host's policy, so the target's host sets its own. */
function skippedAttributes({ rounds }: Run): Warning[] {
  const skipped = (rounds.at(-1)?.trees ?? []).filter(({ skippedAttributes }) => skippedAttributes > 0)
  return skipped.map(({ id, skippedAttributes }) => ({
    code: 'selinux-labels',
    message: `${skippedAttributes} files of ${id} have SELinux labels, which are not carried.`,
  }))
}

/** The move is committed: that the source cannot be asked just now must not make it a failure. */
async function stretchedNow({ plan, source, target }: Run): Promise<MigrateResult['stretched']> {
  const networks = plan.networks.filter(({ action }) => action === 'stretch').map(({ name }) => name)
  const ghosts: MigrateResult['stretched']['ghosts'] = []
  if (plan.ghosts.onSource.length + plan.ghosts.onTarget.length > 0) {
    for (const engine of [source, target]) {
      const there = await ghostsOn(engine).catch(() => [])
      ghosts.push(...there.map(({ of }) => ({ engine: engine.name, of })))
    }
  }
  const memberships = networks.length > 0 ? await membershipsOn(target).catch(() => []) : []
  const isEncrypted = (name: string) =>
    memberships.some(({ network, record }) => network === name && record.settings.tunnel)
  return { networks, encrypted: networks.filter(isEncrypted), ghosts }
}

async function forwardersLeft({ plan, source }: Run): Promise<Forwarder[]> {
  if (!plan.options.forward) return []
  return forwardersOn(source, { migration: plan.id }).catch(() => [])
}

async function movedContainer(run: Run, plan: Plan, target: Engine, name: string): Promise<MovedContainer> {
  const planned = plan.containers.find((container) => container.name === name)
  // The move is committed: that it cannot be looked at just now must not make it a failure.
  const now = await target.containers.inspect(name).catch(() => undefined)
  const last = run.rounds.at(-1)?.trees ?? []
  const trees = plan.trees.flatMap((tree) => {
    const round = last.find(({ id }) => id === tree.id)
    const uses =
      planned?.manifest.mounts.some(({ source }) => source === tree.source) || tree.container === name
    return round && uses
      ? [{ ...tree, bytes: round.totalBytes, files: round.files, digest: round.targetDigest }]
      : []
  })
  const layer = trees.find(({ kind, container }) => kind === 'layer' && container === name)
  return {
    name,
    source: { engine: plan.source.engine, id: planned?.sourceId ?? '' },
    target: { engine: plan.target.engine, id: now?.Id ?? '' },
    image: planned?.image.reference ?? '',
    volumes: trees
      .filter(({ kind }) => kind !== 'layer')
      .map(({ source, destination, bytes, files, digest }) => ({
        name: source,
        destination,
        bytes,
        files,
        digest,
      })),
    ...(layer ? { writableLayer: { bytes: layer.bytes, files: layer.files, digest: layer.digest } } : {}),
    networks: Object.entries(now?.NetworkSettings.Networks ?? {}).map(([network, endpoint]) => ({
      name: network,
      ipv4: endpoint.IPAddress ?? '',
      ipv6: endpoint.GlobalIPv6Address ?? '',
      mac: endpoint.MacAddress ?? '',
      aliases: endpoint.Aliases ?? [],
    })),
    ports: now?.NetworkSettings.Ports ?? {},
  }
}
