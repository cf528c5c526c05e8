import { join } from 'node:path'
import { exitCodes, WherryError } from '../model/errors.ts'
import { readJson, writeFileAtomically } from '../platform/files.ts'
import type { EnginePorts } from './engine-container.ts'
import type { OuterAddress } from './outer-engine.ts'
import {
  contextName,
  type LabEngineName,
  type LabFlavour,
  type LabPlaces,
  labEngineNames,
  labPlaces,
} from './places.ts'

/** What `up` found and made, so that later commands need not ask the engines. */
export interface LabRecord {
  version: 1
  flavour: LabFlavour
  outer: OuterAddress
  engines: Record<LabEngineName, RecordedEngine>
}

/** What the record keeps of one engine. */
export interface RecordedEngine {
  ports: EnginePorts
  /** Its address on the lab's network. */
  address: string
  /** Where its data root is on the outer engine's host. */
  dataRoot: string
}

/** How one of the lab's engines is reached, each way. */
export interface LabEngine {
  name: LabEngineName
  /** The Docker context's name. */
  context: string
  /** `unix://` URL of its socket on this machine. */
  unix: string
  /** `ssh://` URL; works with the lab's WHERRY_SSH_COMMAND only. */
  ssh: string
  /** `tcp://` URL that asks for the certificates in `tlsDirectory`. */
  tcp: string
  /** ca.pem, cert.pem and key.pem, as DOCKER_CERT_PATH has them. */
  tlsDirectory: string
  /** What to set WHERRY_SSH_COMMAND to. */
  sshCommand: string
  /** The URL of the outer engine. */
  outer: string
  /** The engine's container on the outer engine. */
  container: string
  /** Its IPv4 address, at which the other engine and its containers reach it. */
  address: string
  /** Its data root on this machine, where the outer engine is on this machine. */
  dataRoot: string
}

/** The record, undefined where no lab was brought up. */
export async function readRecord(places: LabPlaces): Promise<LabRecord | undefined> {
  const record = await readJson<LabRecord>(places.record).catch(() => undefined)
  return record?.version === 1 ? record : undefined
}

export async function writeRecord(places: LabPlaces, record: LabRecord): Promise<void> {
  await writeFileAtomically(places.record, JSON.stringify(record, undefined, 2))
}

/** The command that reaches the engines over ssh, for WHERRY_SSH_COMMAND. */
export const sshCommand = (places: LabPlaces) => `ssh -F ${places.sshConfig}`

/** How an engine is reached, from a record. Pure but for the state directory. */
export function describeEngine(places: LabPlaces, record: LabRecord, name: LabEngineName): LabEngine {
  const { ports, address, dataRoot } = record.engines[name]
  return {
    name,
    context: contextName(name),
    unix: `unix://${places.socket(name)}`,
    ssh: `ssh://${contextName(name)}`,
    tcp: `tcp://127.0.0.1:${ports.tls}`,
    tlsDirectory: join(places.tls, 'client'),
    sshCommand: sshCommand(places),
    outer: record.outer.host,
    container: places.container(name),
    address,
    dataRoot,
  }
}

/**
 * How one of the lab's engines is reached. Asks no engine.
 * @throws WherryError `lab-down` where the lab is not up.
 */
export async function labEngine(name: LabEngineName): Promise<LabEngine> {
  const places = labPlaces()
  const record = await readRecord(places)
  if (record) return describeEngine(places, record, name)
  throw new WherryError('lab-down', exitCodes.engineUnreachable, 'the lab is not up', {
    suggestions: ['Run `wherry lab up`'],
  })
}

/** How both engines are reached, from a record. */
export function describeEngines(places: LabPlaces, record: LabRecord): LabEngine[] {
  return labEngineNames.map((name) => describeEngine(places, record, name))
}
