import { mkdir } from 'node:fs/promises'
import type { Report } from '../model/progress.ts'
import { ensureNodeImage, nodeImage } from './base-images.ts'
import { ensureCertificates } from './certificates.ts'
import { writeContext } from './contexts.ts'
import { removeBootstrapRemains } from './debootstrap.ts'
import { createEngineContainer, type EnginePorts, removeEngine, waitForEngine } from './engine-container.ts'
import { ensureEngineImage } from './engine-image.ts'
import { loadImages } from './images.ts'
import { lockLab } from './lock.ts'
import { noteMade } from './made-images.ts'
import { ensureLabNetwork } from './network.ts'
import { connectOuter, ensureOuterEngine, type OuterEngine } from './outer-engine.ts'
import { answers } from './ping.ts'
import {
  contextName,
  type LabEngineName,
  type LabFlavour,
  type LabPlaces,
  labEngineNames,
  labLabel,
  labPlaces,
} from './places.ts'
import { type LabRecord, type RecordedEngine, readRecord, writeRecord } from './record.ts'
import { ensureSshKeys, writeSshConfig } from './ssh-files.ts'
import { type LabStatus, statusOf } from './status.ts'
import { ensurePrograms } from './system-packages.ts'

/** What `labUp` is asked for. */
export interface LabUpOptions {
  /** Default: the flavour that is up, else stable. */
  engine?: LabFlavour
  /** Makes further images on the outer engine, which has node:24-trixie-slim by then, and gives the tags of those that both engines must have. */
  prepare?: (outer: OuterEngine, report: Report) => Promise<string[]>
}

/**
 * Brings the lab up, or what is missing of it, and gives its status. Does next to nothing where it is up. Changing the
 * flavour replaces both engines and what is on them.
 * @throws RefusedError where this machine cannot have a lab; WherryError `lab-…` with the tail of a log otherwise.
 */
export async function labUp(options: LabUpOptions, report: Report): Promise<LabStatus> {
  const places = labPlaces()
  await using _lock = await lockLab(places.lock, report)
  await mkdir(places.root, { recursive: true, mode: 0o700 })
  const recorded = await readRecord(places)
  const flavour = options.engine ?? recorded?.flavour ?? 'stable'
  const running = recorded && (await runningLab(places, recorded, flavour))
  const outer = running ?? (await bringUp(places, recorded, flavour, report))
  if (options.prepare) {
    await ensureNodeImage(outer, places, report)
    const tags = await options.prepare(outer, report)
    await noteMade(
      places,
      tags.filter((tag) => tag !== nodeImage),
    )
    await loadImages(outer, places, tags, labEngineNames, report)
  }
  return statusOf(places)
}

/** The outer engine of a lab that is wholly up with the wanted flavour. */
async function runningLab(
  places: LabPlaces,
  record: LabRecord,
  flavour: LabFlavour,
): Promise<OuterEngine | undefined> {
  if (record.flavour !== flavour) return undefined
  const [outer, ...up] = await Promise.all([
    connectOuter(record.outer),
    ...labEngineNames.map((name) => answers(places.socket(name))),
  ])
  if (!outer || up.includes(false)) return undefined
  for (const name of labEngineNames) await writeContext(contextName(name), `unix://${places.socket(name)}`)
  return outer
}

async function bringUp(
  places: LabPlaces,
  recorded: LabRecord | undefined,
  flavour: LabFlavour,
  report: Report,
): Promise<OuterEngine> {
  await removeBootstrapRemains(places.root)
  await ensurePrograms(['openssl', 'ssh', 'ssh-keygen'], report)
  const outer = await ensureOuterEngine(places, recorded?.outer, report)
  await ensureEngineImage(outer, places, flavour, report)
  report({ type: 'phase', phase: 'engines', message: 'starting the engines alpha and beta' })
  const addresses = await ensureLabNetwork(outer, places.network)
  await ensureSshKeys(places)
  await ensureCertificates(places, addresses)
  const fresh = recorded !== undefined && recorded.flavour !== flavour
  const engines = await Promise.all(
    labEngineNames.map((name) =>
      ensureEngine(outer, places, name, addresses[name], flavour, recorded, fresh),
    ),
  )
  const record: LabRecord = {
    version: 1,
    flavour,
    outer: { host: outer.host, isPrivate: outer.isPrivate },
    engines: Object.fromEntries(engines) as LabRecord['engines'],
  }
  await writeSshConfig(places, { alpha: record.engines.alpha.ports.ssh, beta: record.engines.beta.ports.ssh })
  await writeRecord(places, record)
  for (const name of labEngineNames) await writeContext(contextName(name), `unix://${places.socket(name)}`)
  return outer
}

/** Starts the engine's container again if it is the recorded one, else makes a new one. */
async function ensureEngine(
  outer: OuterEngine,
  places: LabPlaces,
  name: LabEngineName,
  address: string,
  flavour: LabFlavour,
  recorded: LabRecord | undefined,
  fresh: boolean,
): Promise<[LabEngineName, RecordedEngine]> {
  if (fresh) await removeEngine(outer, places, name)
  await outer.docker(['volume', 'create', '--label', `${labLabel}=${name}`, places.volume(name)])
  const known = fresh ? undefined : recorded?.engines[name]
  const ports =
    (known && (await restart(outer, places.container(name), known.ports))) ||
    (await createEngineContainer(outer, places, name, address, flavour))
  await waitForEngine(outer, places, name)
  const dataRoot = await outer.docker([
    'volume',
    'inspect',
    '--format',
    '{{.Mountpoint}}',
    places.volume(name),
  ])
  return [name, { ports, address, dataRoot }]
}

async function restart(
  outer: OuterEngine,
  container: string,
  ports: EnginePorts,
): Promise<EnginePorts | undefined> {
  const started = await outer.try(['start', container], { timeoutMs: 60_000 })
  return started.failure ? undefined : ports
}
