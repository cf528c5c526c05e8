import { absentEngine } from '../../engine/connect.ts'
import type { Engine } from '../../engine/engine.ts'
import { withJournal } from '../../migrate/complete.ts'
import { execute } from '../../migrate/executor.ts'
import { Journal } from '../../migrate/journal.ts'
import { newRun, note, type Run, type Step } from '../../migrate/run.ts'
import { makeBindDirectories } from '../../migrate/steps/bind-directories.ts'
import { createContainers } from '../../migrate/steps/containers.ts'
import { restorePolicies } from '../../migrate/steps/finish.ts'
import { createNetworks } from '../../migrate/steps/networks.ts'
import { createVolumes } from '../../migrate/steps/volumes.ts'
import type { PortBinding } from '../../model/documents.ts'
import type { Warning } from '../../model/plan.ts'
import type { Report } from '../../model/progress.ts'
import { ChunkStore } from '../chunk-store.ts'
import type { SnapshotConfig } from '../config.ts'
import type { OciManifest } from '../repository/oci.ts'
import type { Repository } from '../repository/repository.ts'
import type { Seal } from '../seal.ts'
import { planRestore, type RestoreOptions } from './plan.ts'
import { commitRestored, fillTrees, type RestoreParts, restoreImages, startRestored } from './steps.ts'

export interface RestoreRequest {
  target: Engine
  repository: Repository
  seal: Seal
  config: SnapshotConfig
  manifest: OciManifest
  options: RestoreOptions
  report: Report
  signal: AbortSignal
  /** Given the id of the journal before anything changes. */
  onBegin?: (id: string) => void
}

/** What a restore prints with `--json`. Bytes, seconds. */
export interface RestoreResult {
  id: string
  status: 'completed'
  snapshot: string
  engine: string
  containers: RestoredContainer[]
  bytesWritten: number
  totalSeconds: number
  warnings: Warning[]
}

/** `digest` is that of the volume's list of files in the snapshot, by which what was written has been checked. */
export interface RestoredContainer {
  name: string
  /** Where it was taken, and where it is now; `id` is the same as the target's. */
  source: { engine: string; id: string }
  target: { engine: string; id: string }
  id: string
  image: string
  running: boolean
  volumes: { name: string; destination: string; bytes: number; files: number; digest: string }[]
  networks: { name: string; ipv4: string; ipv6: string; mac: string; aliases: string[] }[]
  ports: Record<string, PortBinding[] | null>
}

/**
 * Makes containers of a snapshot on an engine. Either it returns and they are there, started where they ran, or it throws and,
 * as the error's exit code says, nothing of them is there or `wherry migration rollback` is needed.
 */
export async function restoreSnapshot(request: RestoreRequest): Promise<RestoreResult> {
  const startedMs = performance.now()
  const { target, repository, seal, config, manifest, report, signal } = request
  report({ type: 'phase', phase: 'look', message: `looking at snapshot ${config.id} and ${target.name}` })
  const planned = await planRestore(target, repository.name, config, request.options)
  const { plan } = planned
  for (const warning of plan.warnings) report({ type: 'warning', ...warning })
  const chunks = new ChunkStore(repository, seal)
  await chunks.addSnapshot(manifest)
  await chunks.assertPacksThere()
  const parts: RestoreParts = {
    ...planned,
    chunks,
    config,
    directory: await repository.workDirectory(),
    restored: [],
  }
  const source = await absentEngine(plan.source.engine, plan.source.id, new Error('a snapshot is no engine'))
  const run = newRun({ plan, source, target, report, signal, locks: [] })
  return withJournal(
    run,
    'restore',
    () => Journal.create(plan, 'restore'),
    async (journal) => {
      request.onBegin?.(plan.id)
      await execute(stepsFor(parts), run, journal)
      await note(run, journal, { type: 'end', status: 'finished' })
      return resultOf(run, parts, startedMs)
    },
  )
}

function stepsFor(parts: RestoreParts): Step[] {
  return [
    restoreImages(parts),
    createNetworks,
    createVolumes,
    makeBindDirectories,
    createContainers,
    fillTrees(parts),
    startRestored(parts),
    // Nothing is left to do after the commit: what ends there is complete.
    restorePolicies,
    commitRestored,
  ]
}

async function resultOf(
  { plan, target }: Run,
  parts: RestoreParts,
  startedMs: number,
): Promise<RestoreResult> {
  return {
    id: plan.id,
    status: 'completed',
    snapshot: parts.config.id,
    engine: target.name,
    containers: await Promise.all(plan.containers.map(({ name }) => restoredContainer(target, parts, name))),
    bytesWritten: parts.restored.reduce((sum, { bytes }) => sum + bytes, 0),
    totalSeconds: Math.round(performance.now() - startedMs) / 1000,
    warnings: plan.warnings,
  }
}

async function restoredContainer(
  target: Engine,
  { config, plan, trees, restored }: RestoreParts,
  name: string,
): Promise<RestoredContainer> {
  const now = await target.containers.inspect(name)
  const sourceId = plan.containers.find((container) => container.name === name)?.sourceId ?? ''
  const volumes = plan.trees.filter(({ container, kind }) => container === name && kind !== 'layer')
  return {
    name,
    source: { engine: config.engine.name, id: sourceId },
    target: { engine: target.name, id: now?.Id ?? '' },
    id: now?.Id ?? '',
    image: now?.Config.Image ?? '',
    running: now?.State.Running ?? false,
    volumes: volumes.map(({ id, source, destination }) => {
      const of = trees.find((tree) => tree.id === id)?.tree
      const { bytes = 0, files = 0 } = restored.find((tree) => tree.id === of?.id) ?? {}
      const digest = of?.digest ?? ''
      return { name: source, destination, bytes, files, digest }
    }),
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
